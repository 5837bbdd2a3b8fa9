//! What the hosts hold after faults.

use super::super::swarm::Fault;
use super::super::world::{MS, World};
use super::{A, B, cut_link, idle, set, value};

/// Stores until the first key is evicted.
fn fill(world: &mut World, host: usize) {
    let large = "x".repeat(20_000);
    for number in 0..200 {
        set(world, host, &format!("filler{number}"), &large, 0);
    }
    assert_eq!(value(world, host, "k"), None, "it was evicted");
}

#[test]
fn after_a_split_the_newest_version_of_each_key_is_on_both_hosts() {
    let mut world = idle(|_| {});
    set(&mut world, A, "both", "before", 0);
    world.inflict(&Fault::CutHosts(true));
    world.run_ms(5_000);
    set(&mut world, A, "on-a", "a", 0);
    set(&mut world, B, "on-b", "b", 0);
    set(&mut world, A, "both", "older", 0);
    world.run_ms(10);
    set(&mut world, B, "both", "newest", 0);
    world.inflict(&Fault::CutHosts(false));
    world.run_ms(2_000);
    for host in [A, B] {
        assert_eq!(value(&mut world, host, "on-a").as_deref(), Some("a"));
        assert_eq!(value(&mut world, host, "on-b").as_deref(), Some("b"));
        assert_eq!(value(&mut world, host, "both").as_deref(), Some("newest"));
    }
    world.finish();
}

#[test]
fn a_life_goes_on_while_the_change_waits_on_the_way() {
    let mut world = idle(|_| {});
    let cut = |cut| Fault::CutLink { from: A, cut };
    world.inflict(&cut(true));
    let begun = world.now;
    set(&mut world, A, "k", "v", 3);
    // Nearly as long as a connection lives without a word.
    world.run_until(begun + 1_800 * MS);
    world.inflict(&cut(false));
    world.run_until(begun + 2_300 * MS);
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("v"));
    world.run_until(begun + 4_200 * MS);
    assert_eq!(value(&mut world, B, "k"), None);
    world.finish();
}

#[test]
fn an_answer_leaves_when_the_other_host_has_the_change_and_not_before() {
    let mut world = idle(|_| {});
    world.link.delay = (20 * MS, 30 * MS);
    let mut asked = world.begin(A, "set k 0 0 5\r\nvalue\r\n");
    world.turn(A);
    let mut waited_ms = 0;
    while !world.is_answered(&mut asked) {
        world.run_ms(1);
        waited_ms += 1;
    }
    // There and back.
    assert!((40..=62).contains(&waited_ms), "{waited_ms} ms");
    world.power_off(A);
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("value"));
}

#[test]
fn an_answer_waits_for_what_replaced_its_change_before_that_was_sent() {
    let mut world = idle(|options| options.memory = [16 << 20; 2]);
    world.link.delay = (MS, 2 * MS);
    world.link.window_bytes = 32 * 1024;
    let mut first = world.begin(A, "set k 0 0 5\r\nfirst\r\n");
    // Some are in the same shard, where each fills a frame: its position is acknowledged, and the
    // key has left its place in the list.
    let large = "x".repeat(70_000);
    for number in 0..20 {
        world.begin(A, &format!("set other{number} 0 0 70000\r\n{large}\r\n"));
    }
    world.begin(A, "set k 0 0 6\r\nsecond\r\n");
    world.turn(A);
    let mut waited_ms = 0;
    while !world.is_answered(&mut first) {
        world.run_ms(1);
        waited_ms += 1;
    }
    assert!((10..240).contains(&waited_ms), "{waited_ms} ms");
    world.power_off(A);
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("second"));
}

#[test]
fn a_storm_of_resets_during_a_catch_up_ends_and_costs_no_second_copy() {
    let mut world = idle(|options| options.memory = [16 << 20; 2]);
    world.kill(B, false);
    let large = "x".repeat(4_000);
    for number in 0..1_000 {
        set(&mut world, A, &format!("k{number}"), &large, 0);
    }
    world.link_bytes = 0;
    world.link.delay = (MS, 2 * MS);
    world.start(B);
    for _ in 0..40 {
        world.run_ms(53);
        world.inflict(&Fault::ResetLink);
    }
    world.run_until_holds(5_000, "the pair is whole", World::is_whole);
    // Each reset loses at most what was under way.
    assert!(
        world.link_bytes < 4_000_000 + 41 * 400_000,
        "{}",
        world.link_bytes
    );
    world.run_ms(500);
    assert_eq!(value(&mut world, B, "k999"), Some(large));
    world.finish();
}

#[test]
fn a_restarted_node_gets_back_what_its_old_boot_wrote() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "of the old boot", 0);
    world.kill(A, false);
    world.run_ms(1_000);
    world.start(A);
    world.run_until_holds(5_000, "the pair is whole", World::is_whole);
    assert_eq!(
        value(&mut world, A, "k").as_deref(),
        Some("of the old boot")
    );
    assert_eq!(world.master(), Some(B));
    world.finish();
}

#[test]
fn what_expires_while_the_link_is_cut_does_not_bring_its_predecessor_back() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "first", 0);
    cut_link(&mut world, true);
    world.run_ms(3_000);
    set(&mut world, A, "k", "second", 1);
    world.run_ms(3_000);
    assert_eq!(value(&mut world, A, "k"), None);
    cut_link(&mut world, false);
    world.run_ms(3_000);
    assert_eq!(value(&mut world, B, "k"), None);
    world.finish();
}

#[test]
fn what_is_evicted_while_the_link_is_cut_does_not_bring_its_predecessor_back() {
    let mut world = idle(|options| {
        options.memory = [1 << 20, 64 << 20];
        options.ample = false;
    });
    set(&mut world, A, "k", "first", 0);
    cut_link(&mut world, true);
    world.run_ms(3_000);
    set(&mut world, A, "k", "second", 0);
    fill(&mut world, A);
    cut_link(&mut world, false);
    world.run_ms(3_000);
    assert_eq!(value(&mut world, B, "k"), None);
    world.finish();
}

#[test]
fn a_delete_that_finds_nothing_deletes_on_the_peer() {
    let mut world = idle(|options| {
        options.memory = [1 << 20, 64 << 20];
        options.ample = false;
    });
    set(&mut world, A, "k", "only on B", 0);
    fill(&mut world, A);
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("only on B"));
    assert_eq!(world.ask(A, "delete k\r\n"), "NOT_FOUND\r\n");
    assert_eq!(value(&mut world, B, "k"), None);
    world.finish();
}

#[test]
fn a_touch_over_a_set_that_was_not_sent_yet_travels_with_the_value() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "first", 0);
    cut_link(&mut world, true);
    world.run_ms(3_000);
    set(&mut world, A, "k", "second", 0);
    assert_eq!(world.ask(A, "touch k 100\r\n"), "TOUCHED\r\n");
    cut_link(&mut world, false);
    world.run_ms(3_000);
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("second"));
    let life = world.ask(B, "mg k t\r\n");
    assert!(
        ["HD t97\r\n", "HD t96\r\n"].contains(&life.as_str()),
        "{life}"
    );
    world.finish();
}

#[test]
fn a_change_that_waited_in_a_frozen_process_has_aged() {
    let mut world = idle(|_| {});
    world.freeze(B);
    set(&mut world, A, "k", "v", 3);
    world.run_ms(1_500);
    world.wake(B);
    world.run_ms(200);
    assert_eq!(value(&mut world, B, "k").as_deref(), Some("v"));
    world.run_ms(1_600);
    assert_eq!(value(&mut world, B, "k"), None);
    world.finish();
}

#[test]
fn a_cas_token_from_before_a_failover_works_after_it() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "v", 0);
    assert_eq!(world.ask(A, "touch k 1000\r\n"), "TOUCHED\r\n");
    let answer = world.ask(A, "gets k\r\n");
    let token = answer
        .lines()
        .next()
        .and_then(|line| line.split(' ').nth(4))
        .expect("a token");
    let store = format!("cas k 0 0 3 {token}\r\nnew\r\n");
    world.kill(A, false);
    world.run_ms(1_000);
    assert_eq!(world.ask(B, &store), "STORED\r\n");
    assert_eq!(world.ask(B, &store), "EXISTS\r\n");
    world.finish();
}

#[test]
fn a_flush_on_one_side_of_a_cut_empties_both_when_they_meet() {
    let mut world = idle(|_| {});
    set(&mut world, A, "k", "v", 0);
    world.inflict(&Fault::CutHosts(true));
    world.run_ms(4_000);
    assert_eq!(world.ask(A, "flush_all\r\n"), "OK\r\n");
    world.run_ms(10);
    set(&mut world, B, "later", "v", 0);
    world.inflict(&Fault::CutHosts(false));
    world.run_ms(2_500);
    for host in [A, B] {
        assert_eq!(value(&mut world, host, "k"), None);
        assert_eq!(value(&mut world, host, "later").as_deref(), Some("v"));
    }
    world.finish();
}

#[test]
fn a_standby_sends_back_nothing_of_what_it_received() {
    let mut world = idle(|_| {});
    let value = "x".repeat(1_000);
    world.link_bytes = 0;
    for number in 0..1_000 {
        set(&mut world, A, &format!("k{number}"), &value, 0);
    }
    world.run_ms(500);
    // A million bytes of values once, their keys and heads, and acknowledgements.
    assert!(world.link_bytes > 1_000_000, "{}", world.link_bytes);
    assert!(world.link_bytes < 1_250_000, "{}", world.link_bytes);
    world.finish();
}
