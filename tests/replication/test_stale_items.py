"""Meta commands that keep an item and change what it is: both hosts have what came of them."""

from compare import contents, conversation


def test_stale_marks_lives_and_values_of_stale_items_are_on_both_hosts(linked):
    linked.start()
    client, other = (linked.client_of(node) for node in linked.nodes)
    for key in ("fresh", "stale", "older", "emptied"):
        assert client.set(key, (7, b"value"), expire=500)
    commands = (
        "md stale I T300\r\n"
        "md older I T200\r\n"
        "mg older v\r\n"
        "ms older 3 I C1 T900 F8\r\nnew\r\n"
        "md emptied x\r\n"
        "mn\r\n"
    )
    answer = conversation(client, commands, b"MN\r\n")
    assert answer == "HD\r\nHD\r\nVA 5 X W\r\nvalue\r\nHD\r\nHD\r\nMN\r\n"
    # An acknowledged change is on both. Nobody is asked there to do what is being done already.
    assert conversation(other, "mg older v f\r\nmn\r\n", b"MN\r\n") == "VA 3 f8 Z X\r\nnew\r\nMN\r\n"
    linked.wait_until_in_sync()
    assert linked.assert_identical() == 4
    found = contents(linked.client_of(linked.b))
    assert {key: item[3] for key, item in found.items()} == {
        "fresh": False,
        "stale": True,
        "older": True,
        "emptied": False,
    }
    lives = {key: item[0] - found["older"][0] for key, item in found.items()}
    assert 98 <= lives["stale"] <= 102 and 298 <= lives["fresh"] <= 302
