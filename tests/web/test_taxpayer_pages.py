"""A taxpayer's pages in a real browser, in both languages: filed on /start, activated by the link, active on /."""

import re
from uuid import uuid4

import pytest
from browsing import looked_at
from consumer_taxpayers import GIORGI, NINO, REGISTERED_EMAIL
from playwright.sync_api import expect
from taxpayers import entered, filed, texted_code
from window import mailed_code

import texts
from domain.language import Language
from texts.sentences import sentences

FILED, CHOSEN, OTHER = "Tbilisi-1846", "Batumi-1907", "Kutaisi-1508"
MOBILES = {"ka": "599300001", "en": "599300002"}
PEOPLE = {"ka": GIORGI, "en": NINO}


def say(language, page, sentence):
    return sentences(texts.Language(language), page)[sentence]


def start(at, language):
    return f"{at.house.settings.url}/start?service=taxpayer&language={language}"


def sends(page, form, **fields):
    """Fill in a form and send it; its answer, once it is there."""
    for name, value in fields.items():
        page.locator(f"{form} [name={name}]").fill(value)
    page.locator(f"{form} button").click()


def answered(page, form):
    output = page.locator(f"{form} output")
    expect(output).not_to_be_empty()
    assert output.get_attribute("data-fault") is None, output.text_content()
    return output.text_content()


def files(at, page, language):
    """The whole form on /start, with the codes that came; number, code and username."""
    mobile, email = MOBILES[language], f"filer-{uuid4().hex[:8]}@example.org"
    username = {"ka": "მომხმარებელი-", "en": "nino-"}[language] + str(uuid4().int % 10**6)
    page.goto(start(at, language))
    sends(page, "form[data-form=draft]")
    answered(page, "form[data-form=draft]")
    sends(page, "form[data-form=mobile]", mobile=mobile)
    answered(page, "form[data-form=mobile]")
    sends(page, "form[data-form=mobile-code]", code=texted_code(at, f"+995{mobile}"))
    answered(page, "form[data-form=mobile-code]")
    sends(page, "form[data-form=email]", email=email)
    answered(page, "form[data-form=email]")
    sends(page, "form[data-form=code]", code=mailed_code(at, email))
    answered(page, "form[data-form=code]")
    register = "form[data-form=register]"
    sends(page, register, username="a", identification="1", password="x", repeatedPassword="y")
    expect(page.locator(f"{register} .fault")).not_to_have_count(0)
    looked_at(page, f"start-faults-{language}")
    sends(
        page,
        register,
        username=username,
        identification=PEOPLE[language],
        password=FILED,
        repeatedPassword=FILED,
    )
    expect(page.locator("#holder [name=number]")).not_to_have_value("")
    assert answered(page, register)
    number, code = (page.locator(f"#holder [name={name}]").input_value() for name in ("number", "code"))
    return number, code, username


def looks_up(page, at, language, number, code):
    """What / says of the registration."""
    page.goto(f"{at.house.settings.url}/?language={language}")
    sends(page, "#look-up", number=number, code=code)
    expect(page.locator("#registration")).to_be_visible()
    return page.locator("#registration-state").text_content()


def newest_link(at, identification):
    """Where the newest mail leads that came to the registry's address."""
    at.house.links.send()
    text = at.sandbox.mails(REGISTERED_EMAIL[identification])[-1]["text"]
    return re.search(r"http\S+/activate#\S+", text)[0]


def newest_code(at, identification):
    """The code that was mailed to the registry's address when the link had activated."""
    at.house.notices().run_once()
    (mail,) = at.sandbox.mails(REGISTERED_EMAIL[identification])[-1:]
    return re.search(r"\b[0-9A-Z]{4}(?:[- ][0-9A-Z]{4}){3}\b", mail["text"])[0]


def signs_in(page, at, language, username, password):
    """What signing in on /start answers, and whether it is a refusal."""
    page.goto(start(at, language))
    form = "form[data-form=sign-in-account]"
    sends(page, form, username=username, password=password)
    output = page.locator(f"{form} output")
    expect(output).not_to_be_empty()
    return output.get_attribute("data-fault") is None


@pytest.mark.parametrize("language", ["ka", "en"])
def test_a_taxpayer_files_asks_for_a_link_on_the_page_and_activates_by_it(at, visitor, language):
    page, person = visitor(language), PEOPLE[language]
    number, code, username = files(at, page, language)
    looked_at(page, f"start-{language}")

    assert looks_up(page, at, language, number, code) == say(language, "status", "AWAITING_ACTIVATION")
    looked_at(page, f"status-{language}")
    page.get_by_role("link", name=say(language, "status", "link_ask")).click()
    expect(page.locator("#told")).to_have_text(say(language, "activate", "no_link"))
    sends(page, "#again", identification=person)
    answered(page, "#again")
    looked_at(page, f"activate-asked-{language}")

    page.goto(newest_link(at, person))
    expect(page.locator("#link")).to_be_visible()
    assert "#" not in page.url, "the secret is gone from the address"
    assert page.locator("#activate [name=username]").input_value() == username
    sends(page, "#activate", password="short", repeatedPassword="x")
    expect(page.locator("#activate .fault")).not_to_have_count(0)
    looked_at(page, f"activate-{language}")
    sends(page, "#activate", password=CHOSEN, repeatedPassword=CHOSEN)
    expect(page.locator("#told")).to_contain_text(username)
    looked_at(page, f"activate-done-{language}")

    active = looks_up(page, at, language, number, newest_code(at, person))
    assert active == say(language, "status", "ACTIVE")
    looked_at(page, f"status-active-{language}")
    assert not signs_in(page, at, language, username, FILED)
    assert signs_in(page, at, language, username, CHOSEN)


@pytest.mark.parametrize("language", ["ka", "en"])
def test_a_consultant_of_a_centre_finds_a_form_on_the_page_and_activates_it(at, visitor, language):
    person = f"99{uuid4().int % 10**9:09}"
    _, answer, _ = filed(at, identification=person)
    _, _, other = filed(at, identification=person)
    page = visitor(language)
    page.goto(f"{at.house.settings.url}/centre?language={language}#{answer['number'].replace(' ', '')}")
    looked_at(page, f"centre-nobody-{language}")
    page.locator("#sign-in").click()
    page.locator("button[value=consultant-kutaisi]").click()
    expect(page.locator("#staff")).to_contain_text(say(language, "centre", "signed_in"))
    expect(page.locator("#staff")).to_contain_text(at.house.centres.find("kutaisi", Language(language)).name)
    sends(page, "#find", number=answer["number"], visitor=person)
    expect(page.locator("#found")).to_be_visible()
    expect(page.locator("#others li")).to_have_count(1)
    assert other["username"] in page.locator("#others").text_content()
    looked_at(page, f"centre-{language}")
    page.locator("#activate [name=formSigned]").check()
    page.locator("#activate [name=documentSeen]").check()
    sends(page, "#activate")
    assert answered(page, "#activate") == say(language, "centre", "activated")


@pytest.mark.parametrize("language", ["ka", "en"])
def test_a_consultant_is_warned_of_who_may_not_activate_before_anything_else(at, visitor, language):
    """A visitor who does not represent the company, with a document that was reported lost."""
    _, answer, _ = filed(at, identification="231190447")
    page = visitor(language)
    page.goto(f"{at.house.settings.url}/centre?language={language}")
    page.locator("#sign-in").click()
    page.locator("button[value=consultant-kutaisi]").click()
    expect(page.locator("#staff")).to_contain_text(say(language, "centre", "signed_in"))
    sends(page, "#find", number=answer["number"], visitor="19001066778")
    warned = [say(language, "centre", each) for each in ("warn_may_represent", "warn_cancelled")]
    expect(page.locator("#warnings li")).to_have_text(warned)
    assert page.locator("#found > h2 + #warnings").is_visible()
    expect(page.locator("#found")).to_have_accessible_description(re.compile(re.escape(warned[0])))
    expect(page.locator("#activate")).to_be_visible()
    looked_at(page, f"centre-warned-{language}")


def test_a_consultant_is_offered_to_refuse_for_want_of_a_representative(at, visitor):
    code = f"99{uuid4().int % 10**7:07}"
    client, answer, asked = filed(at, identification=code)
    entered(client, answer, asked, legalCode=code)
    page = visitor("ka")
    page.goto(start(at, "ka"))
    page.locator("#sign-in").click()
    page.locator("button[value=consultant]").click()
    expect(page.locator("#staff")).to_contain_text(say("ka", "start", "signed_in"))
    for step in ("ClaimNextCall", "Call"):
        sends(page, f"form[data-step={step}]")
        answered(page, f"form[data-step={step}]")
    ground = page.locator("#grounds [name=ground]")
    expect(ground).to_have_value("NO_REPRESENTATIVE")
    assert ground.locator("option").all_text_contents() == [
        texts.word("ka", each) for each in ("IDENTITY_DOUBT", "CIRCUMSTANCE_DOUBT", "NO_REPRESENTATIVE")
    ]
    looked_at(page, "start-call-ka")
    sends(page, "form[data-step=RefuseReception]")
    answered(page, "form[data-step=RefuseReception]")
    looks_up(page, at, "ka", answer["number"], answer["code"])
    expect(page.locator("#registration-facts")).to_contain_text(texts.word("ka", "NO_REPRESENTATIVE"))


def opened_link(at, page, person):
    """The link's page of a form that was just filed, and a list of what it sends; the first answer is lost."""
    _, _, asked = filed(at, identification=person)
    at.house.link_requests.ask(person, "198.51.100.9", Language.EN)
    sent = []

    def losing(route):
        body = route.request.post_data_json
        if "activateByLink" in body["query"]:
            sent.append(body["variables"]["input"])
            if len(sent) == 1:
                route.fetch()
                route.abort()
                return
        route.continue_()

    page.route("**/graphql", losing)
    page.goto(newest_link(at, person))
    sends(page, "#activate", password=CHOSEN, repeatedPassword=CHOSEN)
    expect(page.locator("#activate output")).to_have_text(say("en", "activate", "failed"))
    return asked["username"], sent


def test_a_press_that_is_repeated_because_no_answer_came_is_the_same_command(at, visitor):
    page = visitor("en")
    username, sent = opened_link(at, page, "01025011906")
    sends(page, "#activate")
    expect(page.locator("#told")).to_contain_text(username)
    first, again = sent
    assert first == again


def test_another_password_typed_since_is_another_command_and_is_not_said_to_count(at, visitor):
    page = visitor("en")
    username, sent = opened_link(at, page, "01026004437")
    sends(page, "#activate", password=OTHER, repeatedPassword=OTHER)
    expect(page.locator("#activate output")).to_have_attribute("data-fault", "")
    expect(page.locator("#activate output")).not_to_have_text(say("en", "activate", "failed"))
    first, other = sent
    assert first["commandId"] != other["commandId"]
    assert signs_in(page, at, "en", username, CHOSEN)
