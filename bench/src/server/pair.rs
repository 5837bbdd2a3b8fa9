//! Two of ours that replicate to each other on this machine.

use std::fs;
use std::net::SocketAddr;

use super::process::Process;
use super::{CONNECTIONS_MAX, free_address, user};
use crate::error::{Doing, Failure};
use crate::options::Options;

/// How both hosts of a pair are configured.
#[derive(Clone, Copy)]
pub struct Configuration {
    /// Memory for items.
    pub memory_mib: usize,
    /// `acknowledge`.
    pub mode: &'static str,
}

/// Where both hosts of a pair are.
pub(super) struct Hosts([Host; 2]);

impl Hosts {
    pub(super) fn new() -> Result<Hosts, Failure> {
        let mut hosts = [Host::new()?, Host::new()?];
        hosts[0].peer = hosts[1].link;
        hosts[1].peer = hosts[0].link;
        Ok(Hosts(hosts))
    }

    pub(super) const fn clients(&self, number: usize) -> SocketAddr {
        self.0[number].clients
    }

    pub(super) const fn admin(&self, number: usize) -> SocketAddr {
        self.0[number].admin
    }

    /// Starts one of the two on a core.
    pub(super) fn start(
        &self,
        number: usize,
        options: &Options,
        configuration: Configuration,
        core: usize,
    ) -> Result<Process, Failure> {
        Process::start(&options.twincached, options.cores, core, |directory| {
            let path = directory.join("twincached.yaml");
            let text = self.0[number].text(configuration);
            fs::write(&path, text).doing("writing a configuration")?;
            let mut arguments = vec!["--config".into(), path.into()];
            arguments.extend(user());
            Ok(arguments)
        })
    }
}

/// The addresses of one host.
struct Host {
    clients: SocketAddr,
    link: SocketAddr,
    /// The link's other end.
    peer: SocketAddr,
    admin: SocketAddr,
}

impl Host {
    /// Its own peer, until it is told another.
    fn new() -> Result<Host, Failure> {
        let link = free_address()?;
        Ok(Host {
            clients: free_address()?,
            link,
            peer: link,
            admin: free_address()?,
        })
    }

    /// Its configuration file.
    fn text(&self, Configuration { memory_mib, mode }: Configuration) -> String {
        let Host {
            clients,
            link,
            peer,
            admin,
        } = self;
        format!(
            "memory: {memory_mib}MiB\n\
             threads: 1\n\
             connections_max: {CONNECTIONS_MAX}\n\
             listen: [\"{clients}\"]\n\
             replication:\n  listen: {link}\n  peer: {peer}\n  acknowledge: {mode}\n\
             admin:\n  listen: {admin}\n"
        )
    }
}
