//! What the demo tells the user to do.

use super::network::INTERFACE;
use super::node::Node;
use super::plan::Plan;

/// Why there is no virtual address.
pub(super) fn without_namespaces(reason: &str) -> String {
    format!(
        "Without network namespaces ({reason})\n\
         this demo shows replication between two nodes on loopback addresses, and no virtual \
         address.\n\
         For the whole, with a virtual address that moves, run it as root on a machine that allows\n\
         network namespaces: sudo make demo\n"
    )
}

/// What to type, once the pair is ready. `master` is the index of the node with the address.
pub(super) fn instructions(plan: &Plan, nodes: &[Node; 2], master: Option<usize>) -> String {
    let mut text = match &plan.virtual_network {
        Some(_) => with_address(plan, nodes, master.unwrap_or(0)),
        None => on_loopback(plan, nodes),
    };
    text.push_str("\nLogs of the two nodes:\n\n");
    for node in nodes {
        text.push_str(&format!("  {}\n", node.log.display()));
    }
    text.push_str("\nCtrl-C ends the demo and removes everything.\n");
    text
}

fn with_address(plan: &Plan, nodes: &[Node; 2], master: usize) -> String {
    let client = plan.client_address();
    let (address, port) = (client.ip(), client.port());
    let admin = nodes[master].host.admin();
    let pid = process(&nodes[master]);
    format!(
        "
A pair is running in network namespaces: hosts a ({a}) and b ({b}),
and the virtual address {address} on the one that is MASTER.

In another terminal on this machine, as a client:

  telnet {address} {port}
  set greeting 0 0 5
  hello
  get greeting

Then, as an accident (sudo where you are not root):

  kill -9 {pid}

Watch the lines below: the other node takes the address over. telnet says that its connection was
closed; open it again, and `get greeting` still answers. The killed node is started again after
{rest} seconds and returns as BACKUP.

More to try, with the process ids from the table:

  kill -STOP {pid}
      freezes the master; kill -CONT {pid} wakes it later
  {program} failover --admin {admin}
      hands the address over without an accident
  {program} status --admin {admin}
      what a node says of itself
  tcpdump -ni {INTERFACE} vrrp
      the advertisements, as they pass
",
        a = nodes[0].host.address,
        b = nodes[1].host.address,
        rest = super::node::REST.as_secs(),
        program = program(),
    )
}

fn on_loopback(plan: &Plan, nodes: &[Node; 2]) -> String {
    let [a, b] = &plan.hosts;
    format!(
        "
A pair is running: host a on {a}, host b on {b}.
Either takes writes, and both have everything.

In another terminal on this machine, as a client of a:

  telnet {a_host} {port}
  set greeting 0 0 5
  hello

and as a client of b:

  telnet {b_host} {port}
  get greeting

Then, as an accident, end a:

  kill -9 {pid}

b still answers. a is started again after {rest} seconds and gets everything from b.
",
        a = format_args!("{}:{}", a.address, a.client_port),
        b = format_args!("{}:{}", b.address, b.client_port),
        a_host = a.address,
        b_host = b.address,
        port = a.client_port,
        pid = process(&nodes[0]),
        rest = super::node::REST.as_secs(),
    )
}

/// The line below the table.
pub(super) fn advice(nodes: &[Node; 2], master: Option<usize>) -> String {
    let Some(master) = master else {
        return "  nobody has the virtual address".to_owned();
    };
    let pid = process(&nodes[master]);
    format!("  end the master: kill -9 {pid}   freeze it: kill -STOP {pid}")
}

fn process(node: &Node) -> String {
    node.pid().map_or("PID".to_owned(), |pid| pid.to_string())
}

/// This program as the user called it, or would.
fn program() -> String {
    std::env::args()
        .next()
        .unwrap_or_else(|| "twincached".to_owned())
}
