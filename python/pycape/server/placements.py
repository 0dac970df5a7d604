"""Operations that lead a client to an enclave."""

from collections.abc import Sequence

from pycape.errors import Overloaded
from pycape.server.functions import find_function
from pycape.server.messages import PlacementAnswer, PlacementRequest, Platform
from pycape.server.operations import Answer, Call, Operation
from pycape.server.services import Services

RETRY_SECONDS = 1


def place(services: Services, call: Call) -> Answer:
    """Choose a runtime for a function, or for any purpose."""
    asked = call.json(PlacementRequest).function
    checksum = None if asked is None else find_function(services, asked).checksum
    place = services.placement.place(checksum)
    if place is None:
        raise Overloaded("no enclave is running at the moment", retry_after=RETRY_SECONDS)
    return Answer(PlacementAnswer(place.url, place.expires))


def show_platform(services: Services, _call: Call) -> Answer:
    """Tell what a profile of this platform would say."""
    return Answer(services.platform())


OPERATIONS: Sequence[Operation] = (
    Operation(
        "POST",
        "/v2/placements",
        "Find an enclave",
        place,
        body=PlacementRequest,
        answers={200: PlacementAnswer},
        refusals=(404,),
    ),
    Operation(
        "GET",
        "/v2/platform",
        "Describe the platform",
        show_platform,
        answers={200: Platform},
    ),
)
