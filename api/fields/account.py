"""What a taxpayer does with an account: signs in and out, sees whose it is, changes the password."""

from __future__ import annotations

from typing import Final

import strawberry

from api.account import ACCOUNT_COOKIE, SignedIn, sign_in, signed_in
from api.answers import command, question, step
from api.callers import bearer, cookie
from api.context import Context, Info
from api.declined import AccountRequired, NotFromOurPages, WrongUsernameOrPassword
from api.inputs import CommandInput, StepInput
from api.shapes.done import Done, token
from api.threads import Abroad, run, run_abroad
from domain.faults import FormRefused
from domain.language import Language
from domain.taxpayer.at_the_bar import form_of
from domain.taxpayer.form import TaxpayerKind
from domain.taxpayer.password import NewPassword, refuse_unless_changed, typed_text
from domain.taxpayer.refusals import CurrentPasswordWrong, NotActive, PasswordUnchanged
from domain.taxpayer.registration import Registration
from housekeeping.taxpayer_sessions import DAY_HOURS
from housekeeping.tries import TooManyTries

LASTS: Final = DAY_HOURS * 3600
SESSION: Final = "The session's secret, for programs that asked for it; browsers have it in a cookie."
BEARER: Final = "Answer the session's secret instead of setting it as a cookie: for programs."


@strawberry.input
class SignInInput(StepInput):
    username: str = strawberry.field(description="Look-alikes, blanks at its ends and capitals do not matter.")
    password: str
    bearer: bool = strawberry.field(default=False, description=BEARER)


@strawberry.input
class SignOutInput(StepInput):
    pass


@strawberry.input
class ChangePasswordInput(CommandInput):
    current_password: str
    password: str
    repeated_password: str
    bearer: bool = strawberry.field(default=False, description=BEARER)


@strawberry.type(description="Signed in.")
class AccountOpened:
    session: str | None = strawberry.field(description=SESSION)


@strawberry.type(description="Signed out, if anybody was signed in.")
class AccountClosed:
    closed: bool = strawberry.field(description="Whether the request carried a session.")


@strawberry.type(description="The password is changed. Every other session is over, and this one has a new secret.")
class PasswordRenewed(Done):
    session: str | None = strawberry.field(description=SESSION)


@strawberry.type(description="The account of the session, as its registration was filed.")
class AccountView:
    username: str
    kind: TaxpayerKind
    identification: str
    mobile: str
    email: str
    language: Language = strawberry.field(description="In which the office writes.")


@strawberry.type
class AccountCommands:
    @step(AccountOpened, WrongUsernameOrPassword, TooManyTries)
    async def sign_in(self, info: Info, input: SignInInput) -> AccountOpened:
        """Sign in to e-services, once the registration is active. Why it failed is not said."""
        context = info.context

        def enter() -> AccountOpened:
            opened = sign_in(context.ports, context.address, input.username, input.password)
            return AccountOpened(session=_handed_over(context, opened.secret, bearer=input.bearer))

        return await run_abroad(Abroad.HASHING, enter)

    @step(AccountClosed)
    async def sign_out(self, info: Info, input: SignOutInput) -> AccountClosed:
        """End the session that the request carries."""
        context = info.context
        ports, connection = context.ports, context.connection
        secret = bearer(connection) or cookie(ports, connection, ACCOUNT_COOKIE)
        if secret:
            await run(ports.taxpayer_sessions.close, secret)
            context.cookies.append((ACCOUNT_COOKIE, "", 0))
        return AccountClosed(closed=bool(secret))

    @command(
        PasswordRenewed,
        AccountRequired,
        CurrentPasswordWrong,
        TooManyTries,
        FormRefused,
        NotActive,
        PasswordUnchanged,
        NotFromOurPages,
    )
    async def change_password(self, info: Info, input: ChangePasswordInput) -> PasswordRenewed:
        """Change the password. A repeat after it was done asks to sign in: the session before is over."""
        who = await run(signed_in, info.context.ports, info.context.connection)
        return await run_abroad(Abroad.HASHING, _change, info.context, who, input)


@strawberry.type
class AccountQuestions:
    @question(AccountView, AccountRequired, NotFromOurPages)
    async def account(self, info: Info) -> AccountView:
        """Whose account the request's session opens."""
        return await run(_account, info.context)


def _change(context: Context, who: SignedIn, asked: ChangePasswordInput) -> PasswordRenewed:
    ports, account = context.ports, who.account
    act = context.act(who.actor, "changePassword", asked)
    taken = ports.sign_in_tries.take(str(account.registration), context.address)
    if not ports.passwords.verify(
        account.registration, account.password_of, typed_text(asked.current_password), str(account.registration)
    ):
        raise CurrentPasswordWrong
    ports.sign_in_tries.forgive(taken)
    password = NewPassword(asked.password, asked.repeated_password)
    refuse_unless_changed(password, shown=asked.current_password)
    receipt = ports.taxpayer.change_password(
        act, case=account.registration, shown=account.password_of, password=password
    )
    # The others are over already, because they know of another password: what is left of them is removed.
    secret = ports.taxpayer_sessions.open(account.registration, act.command)
    ports.taxpayer_sessions.close_others(account.registration, secret)
    return PasswordRenewed(token=token(context, receipt), session=_handed_over(context, secret, bearer=asked.bearer))


def _account(context: Context) -> AccountView:
    who = signed_in(context.ports, context.connection)
    form = form_of(context.ports.office.load(Registration, who.account.registration))
    return AccountView(
        username=form.username,
        kind=form.kind,
        identification=form.identification,
        mobile=form.mobile,
        email=form.email,
        language=form.language,
    )


def _handed_over(context: Context, secret: str, *, bearer: bool) -> str | None:
    """The secret for a program; for a browser it goes into a cookie."""
    if bearer:
        return secret
    context.cookies.append((ACCOUNT_COOKIE, secret, LASTS))
    return None
