"""Work shared among threads: all of it is done, once, and what is raised anywhere ends it."""

import multiprocessing
import threading
from collections import Counter

import pytest
from spikeloom.sim.golden.threads import most_threads, share


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("pieces", [0, 1, 2, 100])
def test_every_piece_is_worked_on_once(threads, pieces):
    done = []
    share(done.append, range(pieces), threads)
    assert sorted(done) == list(range(pieces))


def test_so_many_threads_work_side_by_side():
    """Each waits for the others, so fewer than four would never come through."""
    together = threading.Barrier(4, timeout=60)

    def work(_):
        together.wait()

    share(work, range(8), 4)


@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_one_raises_ends_all(here, error):
    """Of a thousand pieces each thread does the one it is at; the interrupt of a user comes in the first."""
    main, count = threading.get_ident(), Counter()
    raised = threading.Event()

    def work(_):
        count["pieces"] += 1
        if (threading.get_ident() == main) is here:
            raised.set()
            raise error("enough")
        assert raised.wait(60)

    with pytest.raises(error, match="enough"):
        share(work, range(1000), 2)
    assert count["pieces"] < 1000


def test_one_thread_in_a_process_that_is_one_of_several(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 5}, raising=False)
    assert most_threads() == 3
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: object())
    assert most_threads() == 1


def test_as_many_as_there_are_cores_where_nothing_says_which(monkeypatch):
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert most_threads() == 7
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert most_threads() == 1
