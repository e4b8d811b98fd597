"""The sandbox as one ASGI application: every neighbour below its own path, the mail server beside them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from sandbox.bank import callbacks as bank_callbacks
from sandbox.bank import cash as bank_cash
from sandbox.bank import orders as bank_orders
from sandbox.bank.cards import CARDS
from sandbox.bank.clerk import Clerk
from sandbox.bank.pages import customer_pages
from sandbox.bank.routes import merchant_api
from sandbox.companies import COMPANIES
from sandbox.doors import PageHeaders
from sandbox.mail import messages as mail_messages
from sandbox.mail.mailbox import mailbox
from sandbox.mail.server import Postman, serve_mail
from sandbox.oidc import codes as oidc_codes
from sandbox.oidc.accounts import ACCOUNTS
from sandbox.oidc.keys import Keys
from sandbox.oidc.provider import Provider, provider_api
from sandbox.papers import papers
from sandbox.people import PEOPLE
from sandbox.public_registry import public_registry
from sandbox.registry import registry
from sandbox.settings import Settings
from sandbox.sms import messages as sms_messages
from sandbox.sms.gateway import phones, sms_gateway
from sandbox.state import State
from sandbox.templates import page

DDL = (bank_callbacks.DDL, bank_orders.DDL, bank_cash.DDL, oidc_codes.DDL, mail_messages.DDL, sms_messages.DDL)


def create_app(settings: Settings) -> FastAPI:
    """Everything wired; it listens for mail and delivers callbacks while the application lives."""
    state = State(settings.folder, DDL)
    callbacks = bank_callbacks.Callbacks(state, settings)
    orders = bank_orders.Orders(state, settings, callbacks)
    cash = bank_cash.Cash(state, callbacks)
    clerk = Clerk(orders, callbacks)
    messages = mail_messages.Messages(state)
    postman = Postman(messages)
    texts = sms_messages.Messages(state)
    provider = Provider(settings, Keys(settings.folder), oidc_codes.Codes(state))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        server = await serve_mail(settings, postman)
        work = asyncio.create_task(clerk.work())
        try:
            yield
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            server.close()
            await callbacks.close()
            state.close()

    app = FastAPI(title="Sandbox", docs_url=None, redoc_url=None, lifespan=lifespan)
    app.add_middleware(PageHeaders, service_url=settings.service_url)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts(settings))
    app.include_router(registry(settings))
    app.include_router(public_registry(settings))
    app.include_router(merchant_api(settings, orders, cash, clerk))
    app.include_router(customer_pages(orders, cash))
    app.include_router(provider_api(provider))
    app.include_router(mailbox(messages, postman))
    app.include_router(sms_gateway(settings, texts))
    app.include_router(phones(texts))
    app.include_router(papers())

    @app.get("/")
    async def home() -> HTMLResponse:
        facts = {
            "accounts": ACCOUNTS.values(),
            "people": PEOPLE.values(),
            "companies": COMPANIES.values(),
            "cards": CARDS.values(),
        }
        return HTMLResponse(page("home.html", settings=settings, **facts))

    @app.get("/ready")
    async def ready() -> dict[str, bool]:
        return {"ready": True}

    return app


def hosts(settings: Settings) -> list[str]:
    """The names under which the sandbox answers: another one is a page of somebody else's that was led here."""
    named = urlsplit(settings.public_url).hostname
    return ["127.0.0.1", "localhost", *([named] if named else [])]
