"""The civil registry: who stands behind a personal number. Paths below ``/registry``, by API key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field

from sandbox import invented
from sandbox.behaviour import Behaviour, Mode, Wish, misbehave
from sandbox.doors import bearer_key
from sandbox.people import PEOPLE, Name, Person
from sandbox.portraits import portrait
from sandbox.settings import Settings

SOMEBODY_ELSE = PEOPLE["01024067891"]


class Asked(BaseModel):
    """The body of a question: a number in a path would end in access logs."""

    model_config = ConfigDict(extra="forbid")

    personal_number: Annotated[str, Field(pattern=r"^[0-9]{11}$")]


def registry(settings: Settings) -> APIRouter:
    """``POST /person`` and ``POST /picture`` by personal number; ``POST /behaviour`` to make it misbehave."""
    behaviour = Behaviour("registry")
    router = APIRouter(prefix="/registry", tags=["civil registry"])
    keyed = APIRouter(dependencies=[Depends(bearer_key(settings.credentials.registry_api_key))])

    async def answered(personal_number: str) -> Person:
        mode = await behaviour.next_answer()
        person = invented.person(personal_number)
        if person is None:
            raise HTTPException(404, "no such person")
        await misbehave(person.answers, 30.0)
        return SOMEBODY_ELSE if Mode.WRONG in (mode, person.answers) else person

    @keyed.post("/person")
    async def person(asked: Asked) -> dict[str, Any]:
        return record(await answered(asked.personal_number))

    @keyed.post("/picture")
    async def picture(asked: Asked) -> Response:
        person = await answered(asked.personal_number)
        if not person.has_picture:
            raise HTTPException(404, "no picture")
        return Response(portrait(person.personal_number, person.sex), media_type="image/jpeg")

    @router.post("/behaviour")
    async def behave(wish: Wish) -> Wish:
        return behaviour.become(wish)

    router.include_router(keyed)
    return router


def record(person: Person) -> dict[str, Any]:
    """What the registry says of a person."""
    document = person.document
    return {
        "personal_number": person.personal_number,
        "surname": _name(person.surname),
        "first_name": _name(person.first_name),
        "former_surnames": [_name(person.former_surname)] if person.former_surname else [],
        "birth_date": person.birth_date.isoformat(),
        "sex": person.sex,
        "citizenships": list(person.citizenships),
        "document": {
            "kind": document.kind,
            "number": document.number,
            "issued": document.issued.isoformat(),
            "expires": document.expires.isoformat(),
            "state": document.state(datetime.now(UTC).date()),
        },
        "died": person.died.isoformat() if person.died else None,
        "has_picture": person.has_picture,
    }


def _name(name: Name) -> dict[str, str]:
    return {"ka": name.ka, "latin": name.latin}
