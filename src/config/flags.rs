//! The server's flags as they were written, before anything is checked as a whole.

use super::address::{
    ListenAddress, host_port, listen_address, listen_list, port, repcached_listen,
};
use super::draft::{Draft, ReplicationDraft, Setting};
use super::error::{ConfigError, Fault, Origin, Sourced};
use super::flag_table::{FLAGS, Flag, Takes, Treatment};
use super::quantity::{size_in_bytes, size_in_megabytes};
use super::settings::REPLICATION_PORT;
use super::{suboptions, values};
use clap::ArgMatches;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// The configuration file of `--config`.
pub(super) fn config_file(matches: &ArgMatches) -> Option<PathBuf> {
    matches.get_one::<OsString>("config").map(PathBuf::from)
}

/// The server's flags.
pub(super) fn draft(matches: &ArgMatches) -> Result<Draft, ConfigError> {
    let flags = Flags { matches };
    let mut draft = Draft {
        memory: flags.text("memory-limit", size_in_megabytes)?,
        threads: flags.text("threads", values::threads)?,
        listen: flags.listen()?,
        port: flags.text("port", tcp_port)?,
        unix_socket: flags.path("unix-socket")?,
        unix_socket_mode: flags.text("unix-mask", values::mode)?,
        udp_port: flags.text("udp-port", port)?,
        connections_max: flags.text("conn-limit", values::connections_max)?,
        backlog: flags.text("listen-backlog", values::backlog)?,
        item_size_max: flags.text("max-item-size", size_in_bytes)?,
        requests_per_event: flags.text("max-reqs-per-event", values::requests_per_event)?,
        evict: flags.switch("disable-evictions", false),
        cas: flags.switch("disable-cas", false),
        flush_enabled: flags.switch("disable-flush-all", false),
        dump_enabled: None,
        watch_enabled: flags.switch("disable-watch", false),
        shutdown_enabled: flags.switch("enable-shutdown", true),
        protocol: flags.text("protocol", values::protocol)?,
        idle_timeout: None,
        connections_max_fast: None,
        auth_file: flags.path("auth-file")?,
        stats_prefix_delimiter: flags.text("D", values::delimiter)?,
        verbosity: flags.verbosity(),
        user: flags.text("user", values::user)?,
        daemonize: flags.switch("daemon", true),
        pid_file: flags.path("pidfile")?,
        lock_memory: flags.switch("lock-memory", true),
        core_dumps: flags.switch("enable-coredumps", true),
        replication: None,
        vrrp: None,
        admin: flags.text("admin", listen_address)?,
        notes: flags.without_effect()?,
    };
    flags.dumping_and_peer(&mut draft)?;
    for list in flags.values("extended") {
        let list = read(list, |list| Ok(list.to_owned()))
            .map_err(|fault| Origin::Flag("-o, --extended".to_owned()).refuse(fault))?;
        suboptions::read(&list, &mut draft)?;
    }
    Ok(draft)
}

/// memcached's `-p`: 0 is no TCP, -1 any free port.
fn tcp_port(text: &str) -> Result<Option<u16>, Fault> {
    match text {
        "-1" => Ok(Some(0)),
        _ => port(text).map(|port| Some(port).filter(|port| *port != 0)),
    }
}

/// The flags by name, each value with its origin.
pub(super) struct Flags<'a> {
    pub(super) matches: &'a ArgMatches,
}

impl Flags<'_> {
    /// The last value of a flag, read by `parse`.
    pub(super) fn text<T>(
        &self,
        id: &str,
        parse: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Setting<T>, ConfigError> {
        let Some(value) = self.values(id).last() else {
            return Ok(None);
        };
        let origin = origin(id);
        match read(value, parse) {
            Ok(value) => Ok(Some(Sourced { value, origin })),
            Err(fault) => Err(origin.refuse(fault)),
        }
    }

    fn path(&self, id: &str) -> Result<Setting<PathBuf>, ConfigError> {
        let Some(path) = self.values(id).last() else {
            return Ok(None);
        };
        if path.is_empty() {
            return self.text(id, values::path);
        }
        Ok(Some(Sourced {
            value: PathBuf::from(path),
            origin: origin(id),
        }))
    }

    fn switch(&self, id: &str, meaning: bool) -> Setting<bool> {
        (self.matches.get_count(id) > 0).then(|| Sourced {
            value: meaning,
            origin: origin(id),
        })
    }

    fn verbosity(&self) -> Setting<u8> {
        let count = self.matches.get_count("verbose");
        (count > 0).then(|| Sourced {
            value: count,
            origin: origin("verbose"),
        })
    }

    fn values(&self, id: &str) -> impl DoubleEndedIterator<Item = &OsStr> {
        self.matches
            .get_many::<OsString>(id)
            .into_iter()
            .flatten()
            .map(OsString::as_os_str)
    }

    fn listen(&self) -> Result<Option<Vec<Sourced<ListenAddress>>>, ConfigError> {
        let mut addresses = Vec::new();
        for list in self.values("listen") {
            let origin = origin("listen");
            let list = read(list, listen_list).map_err(|fault| origin.refuse(fault))?;
            let sourced = |value| Sourced {
                value,
                origin: origin.clone(),
            };
            addresses.extend(list.into_iter().map(sourced));
        }
        Ok(Some(addresses).filter(|addresses| !addresses.is_empty()))
    }

    /// Refuses what cannot be accepted and notes what has no effect.
    fn without_effect(&self) -> Result<Vec<String>, ConfigError> {
        let mut notes = Vec::new();
        for flag in FLAGS.iter().filter(|flag| self.is_given(flag)) {
            match flag.treatment {
                Treatment::Honoured => {}
                Treatment::Noted(reason) => {
                    notes.push(format!("{} has no effect: {reason}", flag.label()));
                }
                Treatment::Refused(reason, instead) => {
                    return Err(origin(flag.id()).refuse(Fault::new(reason, instead)));
                }
            }
        }
        Ok(notes)
    }

    fn is_given(&self, flag: &Flag) -> bool {
        match flag.takes {
            Takes::Nothing => self.matches.get_count(flag.id()) > 0,
            Takes::Value(_) | Takes::MaybeValue(_) => self.values(flag.id()).next().is_some(),
        }
    }

    /// `-X` alone is memcached's "no dumping", `-x HOST -X PORT` is repcached's pair. Both
    /// hosts, or two instances on one host, may be started with the same line.
    fn dumping_and_peer(&self, draft: &mut Draft) -> Result<(), ConfigError> {
        let dumping = origin("disable-dumping");
        let mut port_given = None;
        for value in self.values("disable-dumping") {
            if value.is_empty() {
                draft.dump_enabled = Some(Sourced {
                    value: false,
                    origin: dumping.clone(),
                });
            } else {
                let found = read(value, replication_port).map_err(|fault| dumping.refuse(fault))?;
                port_given = Some(found);
            }
        }
        let port = port_given.unwrap_or(REPLICATION_PORT);
        let Some(peer) = self.text("x", |text| host_port(text, port))? else {
            return match port_given {
                None => Ok(()),
                Some(_) => Err(dumping.refuse(Fault::new(
                    "a replication port needs a peer",
                    "add -x HOST, or write -X without a number to disable dumping",
                ))),
            };
        };
        let listen = repcached_listen(&peer.value, port);
        draft.replication = Some(ReplicationDraft {
            listen: Some(Sourced {
                value: listen,
                origin: dumping,
            }),
            shared_port: true,
            ..ReplicationDraft::new(peer.origin.clone())
        });
        if let Some(replication) = &mut draft.replication {
            replication.peer = Some(peer);
        }
        Ok(())
    }
}

fn replication_port(text: &str) -> Result<u16, Fault> {
    match port(text)? {
        0 => Err(Fault::new(
            "port 0 cannot be dialled",
            "write a port from 1 to 65535",
        )),
        port => Ok(port),
    }
}

/// Where a flag's mistakes are reported.
pub(super) fn origin(id: &str) -> Origin {
    let flag = FLAGS.iter().find(|flag| flag.id() == id);
    Origin::Flag(flag.map_or_else(|| format!("--{id}"), Flag::label))
}

fn read<T>(value: &OsStr, parse: impl Fn(&str) -> Result<T, Fault>) -> Result<T, Fault> {
    match value.to_str() {
        Some(text) => parse(text),
        None => Err(Fault::new(
            "the value is not UTF-8 text",
            "write plain text",
        )),
    }
}
