"""By what jobs can be told apart further: counters tell of all where they can, the newest jobs of the rest."""

from eventqueue.audit.facets import EACH, of_all, with_looked_at
from eventqueue.audit.fitting import trait_of
from eventqueue.audit.tally import Kind
from eventqueue.model.job import State
from eventqueue.ports.views import Filter, Trait
from tests.audit.test_tally import FRESH, JOBS

COUNTS = {"mail": {State.DEAD: 1, State.CANCELLED: 1}, "default": {State.DEAD: 1, State.PENDING: 1}}


def test_states_and_queues_are_told_of_all_jobs_whichever_of_them_were_asked_for() -> None:
    found = of_all(COUNTS, Filter(state=State.CANCELLED), FRESH)

    assert found.kinds["state"] == [Kind("dead", 2), Kind("cancelled", 1), Kind("pending", 1)]
    assert found.kinds["queue"] == [Kind("mail", 1)]
    assert of_all(COUNTS, Filter(tag="red"), FRESH).kinds == {}


def test_the_rest_is_told_of_the_newest_that_fit_and_that_there_are_more_is_said() -> None:
    traits = [trait_of(one, Filter()) for one in JOBS]

    whole = with_looked_at(of_all(COUNTS, Filter(), FRESH), traits, len(traits))
    part = with_looked_at(of_all(COUNTS, Filter(), FRESH), iter(traits), len(traits) - 1)

    assert (whole.looked_at, whole.is_all, set(whole.kinds)) == (4, True, {*EACH})
    assert whole.kinds["task"] == [Kind(None, 3), Kind("app.send", 1)]
    assert (part.looked_at, part.is_all, part.kinds["task"]) == (3, False, [Kind(None, 3)])
    assert part.kinds["state"] == whole.kinds["state"]


def test_where_no_counter_tells_states_and_queues_are_told_of_the_newest_too() -> None:
    found = with_looked_at(of_all(COUNTS, Filter(tag="red"), FRESH), [Trait(state=State.DEAD, queue="mail")], 10)

    assert found.counted == ()
    assert found.kinds["state"] == [Kind("dead", 1)]
    assert found.kinds["queue"] == [Kind("mail", 1)]
