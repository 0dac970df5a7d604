"""Many calls over several connections: order, bounds, errors and ends."""

import asyncio
import threading

import pytest

from pycape import _async_map, _map, errors

PATIENCE = 60


class Enclave:
    """What connections lead to: it counts, and holds calls back until a test lets them go."""

    def __init__(self, holding=False, failing=()):
        self.opened = self.running = self.most = 0
        self.closed = 0
        self.failing = failing
        self.changed = threading.Condition()
        self.begun = []
        self.allowed = not holding

    def connect(self):
        with self.changed:
            self.opened += 1
        return Connection(self)

    def let_go(self):
        with self.changed:
            self.allowed = True
            self.changed.notify_all()

    def wait_until(self, condition):
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE)


class Connection:
    def __init__(self, enclave):
        self.enclave = enclave
        self.is_closed = False
        self.calls = 0

    def invoke(self, data):
        enclave = self.enclave
        with enclave.changed:
            enclave.begun.append(data)
            enclave.running += 1
            enclave.most = max(enclave.most, enclave.running)
            enclave.changed.notify_all()
            assert enclave.changed.wait_for(lambda: enclave.allowed or self.is_closed, PATIENCE)
            enclave.running -= 1
        if self.is_closed:
            raise errors.StreamTruncated("closed")
        if data in enclave.failing:
            raise errors.FunctionError("no")
        self.calls += 1
        return data.upper()

    def close(self):
        with self.enclave.changed:
            self.enclave.closed += not self.is_closed
            self.is_closed = True
            self.enclave.changed.notify_all()


def inputs(count):
    return [b"a%d" % number for number in range(count)]


def mapped(enclave, data, connections=1, buffersize=4, connect=None):
    return _map.map_in_order(
        lambda connection, each: connection.invoke(each),
        iter(data),
        connect or enclave.connect,
        connections=connections,
        buffersize=buffersize,
    )


def test_outputs_come_in_the_order_of_inputs_over_few_connections():
    enclave = Enclave()
    assert [*mapped(enclave, inputs(50), 3)] == [each.upper() for each in inputs(50)]
    assert enclave.opened <= 3
    assert enclave.most <= 3
    assert enclave.closed == enclave.opened
    assert [*mapped(enclave, [])] == []


def test_as_many_calls_run_at_a_time_as_there_are_connections():
    enclave = Enclave(holding=True)
    outputs = mapped(enclave, inputs(10), connections=3, buffersize=10)
    taken = []
    taking = threading.Thread(target=lambda: taken.extend(outputs))
    taking.start()
    enclave.wait_until(lambda: enclave.running == 3)
    enclave.let_go()
    taking.join(PATIENCE)
    assert taken == [each.upper() for each in inputs(10)]
    assert enclave.most == 3


def test_inputs_are_read_as_far_as_the_buffer_allows():
    read = []
    data = (read.append(each) or each for each in inputs(100))
    outputs = mapped(Enclave(), data, connections=2, buffersize=5)
    assert read == []
    for taken in range(1, 20):
        next(outputs)
        assert len(read) == taken + 4
    outputs.close()
    assert len(read) == 23


def test_the_first_error_comes_behind_what_was_before_it():
    enclave = Enclave(failing={b"a5", b"a6"})
    outputs = mapped(enclave, inputs(100), connections=2, buffersize=4)
    assert [next(outputs) for _ in range(5)] == [each.upper() for each in inputs(5)]
    with pytest.raises(errors.FunctionError) as failed:
        next(outputs)
    assert failed.value.details["index"] == "5"
    assert failed.value.__notes__ == ["in call 5 of the map"]
    assert len(enclave.begun) <= 9
    assert enclave.closed == enclave.opened
    assert [*outputs] == []


def test_an_error_of_the_inputs_comes_behind_what_was_before_it():
    def data():
        yield b"a"
        raise LookupError("no more")

    outputs = mapped(Enclave(), data())
    assert next(outputs) == b"A"
    with pytest.raises(LookupError) as failed:
        next(outputs)
    assert failed.value.__notes__ == ["in call 1 of the map"]


def test_what_is_left_behind_is_ended():
    enclave = Enclave()
    outputs = mapped(enclave, inputs(10), connections=2, buffersize=4)
    next(outputs)
    enclave.wait_until(lambda: enclave.running == 0)
    enclave.allowed = False
    outputs.close()
    assert enclave.closed == enclave.opened
    assert len(enclave.begun) <= 5
    assert not [each for each in threading.enumerate() if each.name.startswith("pycape-map")]


def test_a_connection_that_had_ended_is_opened_anew():
    class Ending(Connection):
        def invoke(self, data):
            if self.calls == 2:
                raise errors.ConnectFailed("it has ended")
            return super().invoke(data)

    enclave = Enclave()

    def connect():
        enclave.opened += 1
        return Ending(enclave)

    outputs = mapped(enclave, inputs(6), connect=connect)
    assert [*outputs] == [each.upper() for each in inputs(6)]
    assert enclave.opened == 3


def test_one_that_cannot_be_opened_is_an_error_of_its_call():
    def connect():
        raise errors.ConnectFailed("nobody is there")

    with pytest.raises(errors.ConnectFailed, match="nobody") as failed:
        next(mapped(Enclave(), inputs(3), connect=connect))
    assert failed.value.details["index"] == "0"


class AsyncEnclave:
    """The same for the event loop."""

    def __init__(self, failing=()):
        self.opened = self.closed = self.running = self.most = self.cancelled = 0
        self.begun = []
        self.failing = failing
        self.hold = asyncio.Event()
        self.hold.set()

    async def connect(self):
        self.opened += 1
        return self

    async def close(self):
        self.closed += 1

    async def invoke(self, data):
        self.begun.append(data)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.hold.wait()
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if data in self.failing:
            raise errors.FunctionError("no")
        return data.upper()


def async_mapped(enclave, data, connections=1, buffersize=4):
    async def given():
        for each in data:
            yield each

    return _async_map.map_in_order(
        lambda connection, each: connection.invoke(each),
        given(),
        enclave.connect,
        connections=connections,
        buffersize=buffersize,
    )


def test_the_async_map_keeps_order_and_bounds():
    async def check():
        enclave = AsyncEnclave()
        outputs = [each async for each in async_mapped(enclave, inputs(50), 3, 10)]
        assert outputs == [each.upper() for each in inputs(50)]
        assert enclave.opened == enclave.closed == enclave.most == 3

    asyncio.run(check())


def test_the_async_map_ends_with_the_first_error():
    async def check():
        enclave = AsyncEnclave(failing={b"a5", b"a6"})
        taken = []
        with pytest.raises(errors.FunctionError) as failed:
            async for each in async_mapped(enclave, inputs(100), 2, 4):
                taken.append(each)
        assert failed.value.details["index"] == "5"
        assert taken == [each.upper() for each in inputs(5)]
        assert len(enclave.begun) <= 9
        assert (enclave.running, enclave.closed) == (0, enclave.opened)

    asyncio.run(check())


def test_the_async_map_that_is_cancelled_ends_what_it_began():
    async def check():
        enclave = AsyncEnclave()
        enclave.hold.clear()
        taking = asyncio.create_task(anext(async_mapped(enclave, inputs(10), 2, 4)))
        while enclave.running < 2:
            await asyncio.sleep(0)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        assert (enclave.cancelled, enclave.running, enclave.closed) == (2, 0, 2)

    asyncio.run(check())


def test_iterables_are_gone_through_together():
    async def numbers():
        for number in (1, 2, 3):
            yield number

    async def check():
        together = _async_map.together
        assert [row async for row in together((numbers(), "ab"))] == [(1, "a"), (2, "b")]
        assert [row async for row in together(([1], numbers()))] == [(1, 1)]

    asyncio.run(check())
