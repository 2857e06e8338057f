"""Two people with slixmpp clients read what was said, get copies of it, and look at each other's
cards. Arguments: port, shop id, the ids and passwords of the two, and the sum of the picture of the
first. Prints `ok`."""

import asyncio
import hashlib
import ssl
import sys
import warnings

import slixmpp
from slixmpp.exceptions import IqError

warnings.simplefilter("ignore")
PATIENCE = 60
DOMAIN = "dface.cn"
PLUGINS = (
    "xep_0030", "xep_0045", "xep_0054", "xep_0059", "xep_0184", "xep_0199", "xep_0203",
    "xep_0280", "xep_0297", "xep_0313", "xep_0333", "xep_0359",
)


class Person(slixmpp.ClientXMPP):
    """A client that keeps what it hears, and what it is shown of other connections, in queues."""

    def __init__(self, user, password, resource):
        super().__init__(f"{user}@{DOMAIN}/{resource}", password)
        self.user = user
        for plugin in PLUGINS:
            self.register_plugin(plugin)
        self.queues = {}
        for event in (
            "message", "carbon_sent", "carbon_received", "receipt_received", "marker_displayed",
        ):
            self.queues[event] = asyncio.Queue()
            self.add_event_handler(event, self.queues[event].put_nowait)

    async def come(self, port):
        self.enable_direct_tls = False
        self.enable_starttls = True
        self.ssl_context.check_hostname = False
        self.ssl_context.verify_mode = ssl.CERT_NONE
        began = asyncio.get_event_loop().create_future()
        self.add_event_handler("session_start", lambda _: began.done() or began.set_result(None))
        self.connect("127.0.0.1", port)
        await asyncio.wait_for(began, PATIENCE)
        self.send_presence()
        await self.get_roster()
        await self["xep_0280"].enable()

    async def next(self, event):
        return await asyncio.wait_for(self.queues[event].get(), PATIENCE)

    async def archive(self, **asked):
        """The bodies and places of all pages."""
        asked.setdefault("rsm", {"max": "2"})
        pages = self["xep_0313"].retrieve(iterator=True, timeout=PATIENCE, **asked)
        found = []
        async for page in pages:
            for message in page["mam"]["results"]:
                result = message["mam_result"]
                assert result["forwarded"]["delay"]["stamp"] is not None, message
                found.append((result["forwarded"]["stanza"]["body"], result["id"]))
        return found

    async def go(self):
        await asyncio.wait_for(self.disconnect(), PATIENCE)


async def evening(port, shop, ana_id, ana_password, bo_id, bo_password, picture):
    ana_jid, bo_jid = f"{ana_id}@{DOMAIN}", f"{bo_id}@{DOMAIN}"
    phone = Person(ana_id, ana_password, "phone")
    browser = Person(ana_id, ana_password, "browser")
    tablet = Person(bo_id, bo_password, "tablet")
    for person in (phone, browser, tablet):
        await person.come(port)

    # What the phone says, the browser is shown, under the place that the archive gives it.
    phone.send_message(mto=bo_jid, mbody="one", mtype="chat")
    heard = await tablet.next("message")
    shown = (await browser.next("carbon_sent"))["carbon_sent"]
    assert (shown["body"], shown["to"].bare) == ("one", bo_jid), shown
    places = [(of.user, mam) for of, mam in (
        (tablet, heard["stanza_id"]["id"]), (browser, shown["stanza_id"]["id"]),
    )]
    assert places[0][1] == places[1][1] != "", places

    # An answer to the phone alone.
    tablet.send_message(mto=phone.boundjid.full, mbody="two", mtype="chat")
    assert (await phone.next("message"))["body"] == "two"
    shown = (await browser.next("carbon_received"))["carbon_received"]
    assert (shown["body"], shown["from"].bare) == ("two", bo_jid), shown

    # Said to somebody who is away; the receipt comes when it has arrived, and a marker.
    await tablet.go()
    message = phone.make_message(mto=bo_jid, mbody="three", mtype="chat")
    message["request_receipt"] = True
    message["markable"] = True
    message.send()
    await phone["xep_0199"].ping(DOMAIN, timeout=PATIENCE)
    tablet = Person(bo_id, bo_password, "tablet")
    await tablet.come(port)
    late = await tablet.next("message")
    assert (late["body"], late["id"]) == ("three", message["id"]), late
    receipt = await phone.next("receipt_received")
    assert receipt["receipt"] == message["id"], receipt
    tablet["xep_0333"].send_marker(phone.boundjid.bare, late["id"], "displayed")
    marker = await phone.next("marker_displayed")
    assert marker["displayed"]["id"] == message["id"], marker

    # Page by page, from either side.
    said = await phone.archive(with_jid=bo_jid)
    assert [body for body, _ in said] == ["one", "two", "three"], said
    assert said[0][1] == heard["stanza_id"]["id"], said
    assert await tablet.archive() == said
    assert await tablet.archive(reverse=True) != []
    try:
        await tablet["xep_0313"].retrieve(jid=slixmpp.JID(ana_jid), timeout=PATIENCE)
        raise AssertionError("somebody else's archive was read")
    except IqError as error:
        assert error.condition == "forbidden", error

    # In a room.
    room = slixmpp.JID(f"{shop}@c.{DOMAIN}")
    for person in (phone, tablet):
        await person["xep_0045"].join_muc_wait(room, person.user, timeout=PATIENCE)
    phone.send_message(mto=room, mbody="to all", mtype="groupchat")
    for person in (phone, tablet):
        heard = await person.next("message")
        assert (heard["type"], heard["body"]) == ("groupchat", "to all"), heard
    assert await browser.archive(jid=room) == [("to all", heard["stanza_id"]["id"])]

    # Cards.
    card = (await tablet["xep_0054"].get_vcard(jid=slixmpp.JID(ana_jid), timeout=PATIENCE))["vcard_temp"]
    assert card["FN"] == "ana", card
    assert card["PHOTO"]["TYPE"] == "image/png", card
    assert hashlib.sha1(card["PHOTO"]["BINVAL"]).hexdigest() == picture, card

    for person in (phone, browser, tablet):
        await person.go()


asyncio.run(evening(int(sys.argv[1]), *sys.argv[2:]))
print("ok")
