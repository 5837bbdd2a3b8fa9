//! More is removed than a host can remember: the other one compares.

use super::super::swarm::Fault;
use super::super::world::World;
use super::{A, B, cut_link, idle, set, value};

/// Removes a thousand keys: more than a host of 1 MiB can remember.
fn delete_all(world: &mut World, host: usize) {
    for number in 0..1_000 {
        let answer = world.ask(host, &format!("delete k{number}\r\n"));
        assert_eq!(answer, "DELETED\r\n");
    }
}

/// A pair with a thousand keys, A with little memory, and a link that has been cut for long.
fn apart(memory: [usize; 2]) -> World {
    let mut world = idle(|options| {
        options.memory = memory;
        options.ample = memory[0] == memory[1];
    });
    for number in 0..1_000 {
        set(&mut world, A, &format!("k{number}"), "v", 0);
    }
    cut_link(&mut world, true);
    world.run_ms(3_000);
    world
}

#[test]
fn after_more_removals_than_can_be_remembered_nothing_returns_and_nothing_newer_is_lost() {
    let mut world = apart([1 << 20; 2]);
    delete_all(&mut world, A);
    set(&mut world, B, "of-b-alone", "v", 0);
    world.run_ms(10);
    set(&mut world, B, "k0", "newer than the delete", 0);
    cut_link(&mut world, false);
    world.run_ms(3_000);
    for host in [A, B] {
        let newer = Some("newer than the delete");
        assert_eq!(value(&mut world, host, "k0").as_deref(), newer);
        assert_eq!(value(&mut world, host, "of-b-alone").as_deref(), Some("v"));
        for number in 1..1_000 {
            assert_eq!(
                value(&mut world, host, &format!("k{number}")),
                None,
                "{number}"
            );
        }
    }
    world.finish();
}

#[test]
fn what_was_stored_before_and_after_the_forgotten_removals_reaches_the_peer() {
    let mut world = apart([1 << 20; 2]);
    set(&mut world, A, "before", "v", 0);
    delete_all(&mut world, A);
    set(&mut world, A, "after", "v", 0);
    cut_link(&mut world, false);
    world.run_ms(3_000);
    for host in [A, B] {
        assert_eq!(value(&mut world, host, "before").as_deref(), Some("v"));
        assert_eq!(value(&mut world, host, "after").as_deref(), Some("v"));
    }
    world.finish();
}

#[test]
fn a_comparison_keeps_what_is_newer_although_the_other_host_had_no_room_for_it() {
    let mut world = apart([768 << 10, 64 << 20]);
    for number in 0..300 {
        set(&mut world, A, &format!("listed{number}"), "v", 0);
    }
    delete_all(&mut world, A);
    world.run_ms(10);
    set(&mut world, B, "large", &"x".repeat(1_000_000), 0);
    // They meet, but nothing of A arrives any more once it has begun to list.
    world.link.segment_bytes = 64;
    cut_link(&mut world, false);
    while !(world.knows_peer(A) && world.knows_peer(B)) {
        world.step();
    }
    world.inflict(&Fault::CutLink { from: A, cut: true });
    world.link.segment_bytes = 16 * 1024;
    world.run_ms(1_000);
    let refused = world.hosts[A].process.as_ref().map(|a| a.store.refused());
    assert_ne!(refused, Some(0), "A has no room for it");
    world.inflict(&Fault::CutLink {
        from: A,
        cut: false,
    });
    world.inflict(&Fault::ResetLink);
    world.run_ms(3_000);
    // Nor is what it acknowledged meanwhile taken for the end of the comparison.
    assert_eq!(value(&mut world, B, "k7"), None);
    assert!(value(&mut world, B, "large").is_some());
    world.finish();
}
