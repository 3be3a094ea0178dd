from tests.bench.profile import CHILDREN, NATIVE, function_rows, thread_rows

STACKS = [
    ("loop", ("b", "a"), 2.0),
    ("loop", ("a",), 1.0),
    ("loop", ("a", "b", "a"), 4.0),
    ("sealer", ("a",), 3.0),
]


def test_a_function_has_its_own_time_and_that_of_all_below_it_once() -> None:
    rows = {name: (own, below) for name, own, below in function_rows(STACKS, 1e6)}
    assert rows == {"loop: a": (5.0, 7.0), "loop: b": (2.0, 6.0), "sealer: a": (3.0, 3.0)}


def test_threads_are_named_native_or_a_childs() -> None:
    used = {(1, 1): 3.0, (1, 2): 2.0, (1, 3): 1.0, (7, 2): 4.0}
    rows = thread_rows(used, 1, {1: "loop", 2: "sealer"}, 1_000_000)
    assert rows == [
        (CHILDREN, 4.0, 40.0),
        ("loop", 3.0, 30.0),
        ("sealer", 2.0, 20.0),
        (NATIVE, 1.0, 10.0),
    ]
