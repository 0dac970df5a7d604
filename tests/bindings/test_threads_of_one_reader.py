"""Several threads with one `EnvelopeReader`: each call is whole, whoever else calls meanwhile."""

import io
import random
import threading
import time

import pytest
from tests.threads import in_threads

from pycape import envelope
from pycape.keys import PrivateKey

KEY = PrivateKey.generate("x25519")
WORD = 8
WORDS = 100_000
COUNT = 8
# Each word tells its own place.
DATA = b"".join(place.to_bytes(WORD) for place in range(WORDS))


class LetsOthersGoOn(io.BytesIO):
    """A file between whose `seek` and `readinto`, and behind them, other threads go on."""

    def seek(self, *place):
        result = super().seek(*place)
        time.sleep(0)
        return result

    def readinto(self, buffer):
        count = super().readinto(buffer)
        time.sleep(0)
        return count


@pytest.fixture
def reader():
    file = LetsOthersGoOn()
    envelope.seal_stream(io.BytesIO(DATA), file, [KEY.public_key])
    return envelope.EnvelopeReader(file, KEY)


def test_each_read_is_one_piece_of_the_plaintext(reader):
    pieces = []

    def use(number):
        draw = random.Random(number)  # noqa: S311 - the same in every run
        for _ in range(50):
            reader.seek(draw.randrange(WORDS - 4_000) * WORD)
            # Whoever came in between may have begun elsewhere, and so at its end.
            pieces.append(reader.read(20_000))

    in_threads(use, COUNT)
    for piece in pieces:
        begin = int.from_bytes(piece[:WORD]) * WORD
        assert piece == DATA[begin : begin + len(piece)]


@pytest.mark.parametrize(
    ("begin", "size"),
    [(len(DATA) - 30_000, WORD), (0, 5_000), (0, 16_384), (0, 40_000)],
)
def test_what_all_read_together_is_the_plaintext_once(reader, begin, size):
    pieces = []
    reader.seek(begin)

    def use(number):
        buffer = bytearray(size)
        while number % 2 and (piece := reader.read(size)):
            pieces.append(piece)
        while not number % 2 and (count := reader.readinto(buffer)):
            pieces.append(bytes(buffer[:count]))

    in_threads(use, COUNT)
    assert b"".join(sorted(pieces)) == DATA[begin:]


def test_closing_waits_for_who_reads():
    file = WaitsInRead()
    envelope.seal_stream(io.BytesIO(DATA), file, [KEY.public_key])
    reader = envelope.EnvelopeReader(file, KEY)
    read = []
    file.waits = True
    reading = threading.Thread(target=lambda: read.append(reader.read()))
    reading.start()
    assert file.entered.wait(60)
    closing = threading.Thread(target=reader.close)
    closing.start()
    closing.join(0.1)
    still_open = not reader.closed
    file.goes_on.set()
    reading.join()
    closing.join()
    assert still_open
    assert read == [DATA]
    assert reader.closed


class WaitsInRead(io.BytesIO):
    """A file that can be held where it is read."""

    waits = False

    def __init__(self):
        super().__init__()
        self.entered, self.goes_on = threading.Event(), threading.Event()

    def readinto(self, buffer):
        if self.waits:
            self.entered.set()
            assert self.goes_on.wait(60)
        return super().readinto(buffer)


def test_a_call_inside_another_is_refused_and_harms_neither():
    """As a handler of a signal makes it, in the thread that reads already."""

    class CallsBack(io.BytesIO):
        reader = None

        def readinto(self, buffer):
            if self.reader is not None:
                with pytest.raises(RuntimeError, match="in this very thread"):
                    self.reader.read(1)
            return super().readinto(buffer)

    file = CallsBack()
    envelope.seal_stream(io.BytesIO(DATA), file, [KEY.public_key])
    file.reader = envelope.EnvelopeReader(file, KEY)
    assert file.reader.read() == DATA


@pytest.mark.filterwarnings("error")
def test_what_could_not_be_made_is_closed_without_a_word():
    with pytest.raises(TypeError):
        envelope.EnvelopeReader()
