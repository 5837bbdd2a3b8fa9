//! `twincached clear`: removes virtual addresses that nobody serves any more.
//!
//! For `ExecStopPost` of a service manager, and for an operator. A server that dies has its guard,
//! and behind it the lease; this is for the case that both were killed, and does not wait.

use std::process::ExitCode;

use vrrp::linux::{Addresses, Error, Interface};

use super::{listen, log};
use crate::config::{Config, Vrrp};

/// Removes them, unless a server with this configuration runs.
pub fn clear(config: &Config) -> ExitCode {
    let Some(vrrp) = &config.vrrp else {
        return ExitCode::SUCCESS;
    };
    if listen::is_served(config) {
        log::tell(format_args!(
            "twincached: a server runs on this host: its address is left alone"
        ));
        return ExitCode::FAILURE;
    }
    match remove(vrrp) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::tell(format_args!("twincached: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn remove(vrrp: &Vrrp) -> Result<(), Error> {
    let interface = Interface::find(&vrrp.interface)?;
    let mut addresses = Addresses::open()?;
    for address in &vrrp.virtual_addresses {
        let held = interface.addresses.iter();
        for held in held.filter(|held| held.address == address.address) {
            addresses.remove(interface.index, held.address, held.prefix_len)?;
            log::print(format_args!(
                "{} was left on {}: removed",
                held.address, interface.name
            ));
        }
    }
    Ok(())
}
