"""The public registry: legal persons with who acts for them, and everybody's registered e-mail.

Paths below ``/public-registry``, by API key.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from sandbox import invented
from sandbox.behaviour import Behaviour, Mode, Wish, misbehave
from sandbox.companies import COMPANIES, Company, Representative
from sandbox.doors import bearer_key
from sandbox.people import Person
from sandbox.settings import Settings

SOMEBODY_ELSE = COMPANIES["405200116"]


class Asked(BaseModel):
    """The body of a question: a number in a path would end in access logs."""

    model_config = ConfigDict(extra="forbid")

    identification: Annotated[str, Field(pattern=r"^([0-9]{9}|[0-9]{11})$")]


def public_registry(settings: Settings) -> APIRouter:
    """``POST /entry`` by personal number or legal code; ``POST /behaviour`` to make it misbehave."""
    behaviour = Behaviour("public registry")
    router = APIRouter(prefix="/public-registry", tags=["public registry"])
    keyed = APIRouter(dependencies=[Depends(bearer_key(settings.credentials.public_registry_api_key))])

    @keyed.post("/entry")
    async def entry(asked: Asked) -> dict[str, Any]:
        mode = await behaviour.next_answer()
        found = invented.company(asked.identification) or invented.person(asked.identification)
        if found is None:
            raise HTTPException(404, "nobody has this number")
        await misbehave(found.answers, 30.0)
        if Mode.WRONG in (mode, found.answers):
            found = SOMEBODY_ELSE
        return company_record(found) if isinstance(found, Company) else person_record(found)

    @router.post("/behaviour")
    async def behave(wish: Wish) -> Wish:
        return behaviour.become(wish)

    router.include_router(keyed)
    return router


def company_record(company: Company) -> dict[str, Any]:
    """What the registry says of a legal person."""
    return {
        "identification": company.code,
        "kind": "LEGAL_PERSON",
        "name": company.name,
        "status": "STRUCK_OFF" if company.struck_off else "ACTIVE",
        "representatives": [_representative(each) for each in company.representatives],
        "email": company.email,
    }


def _representative(who: Representative) -> dict[str, str]:
    """As registries write it: whoever has no personal number has no such field, not an empty one."""
    return {name: value for name, value in vars(who).items() if value is not None}


def person_record(person: Person) -> dict[str, Any]:
    """What the registry says of a person: no more than where their mail goes."""
    return {
        "identification": person.personal_number,
        "kind": "PERSON",
        "name": f"{person.first_name.ka} {person.surname.ka}",
        "status": "DECEASED" if person.died else "ACTIVE",
        "representatives": [],
        "email": person.email,
    }
