//! `twincached check`: what the rules of the configuration cannot know, since it concerns this host.
//!
//! These are warnings and no mistakes: the file may be meant for another host.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use rustix::fs::{Access, access};
use vrrp::linux::Interface;

use crate::config::{Config, Vrrp};

/// Sentences, each with what to do.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    if config.listen.iter().any(|address| address.port() == 0) {
        found.push(
            "clients get another port at each start, as port 0 is configured: name one, such as 11211"
                .to_owned(),
        );
    }
    if let Some(replication) = &config.replication {
        found.extend(link_address(replication.listen));
    }
    if let Some(vrrp) = &config.vrrp {
        found.extend(router(vrrp));
    }
    if let Some(admin) = config.admin.filter(|admin| !admin.ip().is_loopback()) {
        found.push(format!(
            "whoever reaches the admin port {admin} can move the address, as failover asks for no \
             password: listen on 127.0.0.1, or let a firewall keep others away"
        ));
    }
    found
}

fn link_address(listen: SocketAddr) -> Vec<String> {
    let mut found = Vec::new();
    if listen.port() == 0 {
        found.push("the peer cannot know the port of replication.listen: 0 is any".to_owned());
    }
    // Any free port: a server may run here.
    let bound = TcpListener::bind((listen.ip(), 0));
    if bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable) {
        found.push(format!(
            "replication.listen: this host has no address {} (see ip address)",
            listen.ip()
        ));
    }
    found
}

fn router(vrrp: &Vrrp) -> Vec<String> {
    let mut found = Vec::new();
    if Interface::find(&vrrp.interface).is_err() {
        found.push(format!(
            "vrrp.interface: this host has no interface {} (see ip link)",
            vrrp.interface
        ));
    }
    if let Some(program) = &vrrp.on_change {
        found.extend(hook(program));
    }
    found
}

fn hook(program: &Path) -> Option<String> {
    let name = program.display();
    match std::fs::metadata(program) {
        Err(error) => Some(format!("vrrp.on_change: {name}: {error}")),
        Ok(found) if !found.is_file() => Some(format!("vrrp.on_change: {name} is not a file")),
        Ok(_) if access(program, Access::EXEC_OK).is_err() => Some(format!(
            "vrrp.on_change: {name} is not executable (chmod +x)"
        )),
        Ok(_) => None,
    }
}
