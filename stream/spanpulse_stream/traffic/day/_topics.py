"""What people ask a company that sells lamps and speakers for the home, and what its handbook says about it.

Only material for `_texts`. Names in braces are filled in there: {product}, {order}, {day}, {place}, {amount}, {code}.
Facts are sentences of the handbook, most important first; answers are made of them.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["CODES", "NAMES", "PLACES", "PRODUCTS", "TOPICS", "Topic"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One article of the handbook and how people ask about it.

    ``hits`` has the fact that answers each question; ``foreign`` are further questions, answered by the first fact.
    """

    slug: str
    title: str
    questions: tuple[str, ...]
    facts: tuple[str, ...]
    next: tuple[str, ...]
    hits: tuple[int, ...]
    foreign: tuple[str, ...] = ()


PRODUCTS: Final = (
    "Halden One", "Halden Arc floor lamp", "Tidal 2 speaker", "Tidal Mini", "Ember bedside light",
    "Norrsken ceiling panel", "Bridge hub", "Luma dimmer switch", "Fjord outdoor spot",
)  # fmt: skip
PLACES: Final = ("Malmö", "Lyon", "Graz", "Cork", "Porto", "Gdańsk", "Tampere", "Leeds", "Ghent", "Bologna", "Bergen")
NAMES: Final = ("Ines", "Marek", "Aoife", "Yusuf", "Linnea", "Tomás", "Priya", "Jonas", "Giulia", "Kenji", "Zofia")
CODES: Final = ("E-04", "E-11", "E-17", "W-02", "W-31", "0x8004")

TOPICS: Final = (
    Topic(
        "returns", "Returning an order",
        (
            "I'd like to send back the {product} from order {order}. How long do I have?",
            "Can I return {order} without the original box?",
            "The {product} doesn't suit the room after all. What do I have to do to return it?",
            "is it still possible to return order {order}, it arrived on {day}",
        ),
        (
            "An order can be returned within 30 days of delivery, for any reason.",
            "The return label is in the account under Orders, and a courier collects it within two working days.",
            "The original box is not needed, but the product has to be packed so that nothing in it can move.",
            "Bulbs and batteries that were opened cannot be returned unless they are faulty.",
            "The money is sent back the way it was paid within five working days after the parcel was checked.",
        ),
        ("Where do I find the return label?", "When will I get my money back?"),
        (0, 2, 1, 0),
        ("Hola, ¿cómo puedo devolver el pedido {order}?", "Dzień dobry, jak zwrócić {product}?"),
    ),
    Topic(
        "delivery", "Late and lost parcels",
        (
            "Order {order} was due on {day} and still isn't here. Where is it?",
            "Tracking has said 'in transit' to {place} since {day}. Is my {product} lost?",
            "My neighbour says a parcel came but I have nothing. Order {order}.",
            "when does {order} arrive? I need to be home",
        ),
        (
            "A parcel counts as late three working days after the date in the confirmation.",
            "Deliveries to {place} pass through the depot in Hanover, where scans may be missing for up to 48 hours.",
            "If the courier has not scanned a parcel for five working days, we send the order again at no cost.",
            "The customer does not need to file a claim with the courier; we do that.",
            "A delivery can be moved to another day or to a parcel shop until 20:00 on the evening before.",
        ),
        ("Can you send it again?", "How do I change the delivery day?"),
        (0, 1, 2, 4),
        ("Meine Bestellung {order} ist immer noch nicht da. Wann kommt der {product}?",),
    ),
    Topic(
        "pairing", "Connecting to the Bridge hub",
        (
            "My {product} won't connect to the Bridge any more, the app only says {code}.",
            "How do I pair a {product} with a second Bridge?",
            "After the router was replaced nothing connects. Do I have to set up every lamp again?",
            "pairing fails with {code}. tried three times",
        ),
        (
            "Hold the button on the back for eight seconds until the light turns violet, then open the app.",
            "The Bridge uses the 2.4 GHz band; a router that merges both bands under one name has to allow it.",
            "Code {code} means that the device was found but refused the key: reset it and pair it again.",
            "Up to 64 devices can be connected to one Bridge, and a device belongs to one Bridge at a time.",
            "After a change of router only the Bridge has to be connected again; lamps keep their pairing.",
        ),
        ("How do I reset the Bridge?", "Which code means that the key was refused?"),
        (2, 3, 4, 2),
        ("{product} がブリッジに接続できません。エラーは {code} です。",),
    ),
    Topic(
        "warranty", "Warranty and repairs",
        (
            "The {product} flickers after fourteen months. Is that still under warranty?",
            "How do I get my {product} repaired? I bought it at a shop in {place}.",
            "One speaker of the pair has gone silent. Do I send both?",
            "does warranty cover water damage on the {product}?",
        ),
        (
            "Every product has a warranty of three years from the day of purchase, outdoor products five.",
            "The serial number on the base is enough; a receipt is only needed for products bought in a shop.",
            "Flicker that begins after a year is usually the driver, which is replaced free of charge.",
            "Damage by water is covered for outdoor products and for nothing else.",
            "A repair takes eight working days on average, and a lamp is lent meanwhile if the customer asks for one.",
        ),
        ("Where is the serial number?", "Can I have a lamp on loan?"),
        (2, 1, 0, 3),
        ("Bonjour, ma lampe {product} clignote. Est-elle encore sous garantie ?",),
    ),
    Topic(
        "invoice", "Invoices and VAT",
        (
            "I need an invoice with our company's VAT number for order {order}.",
            "The invoice for {order} says {amount} but I was charged twice.",
            "Where can I download all invoices of this year?",
            "can the billing address on {order} still be changed?",
        ),
        (
            "Invoices are in the account under Orders as PDF, and can be downloaded for a whole year at once.",
            "A VAT number can be added until the order has shipped; afterwards a corrected invoice is made on request.",
            "Two charges of the same amount are usually a reservation and the payment; the former goes within a week.",
            "The billing address can be changed as long as the invoice has not been sent.",
        ),
        ("How do I add a VAT number?", "Why was I charged twice?"),
        (1, 2, 0, 3),
    ),
    Topic(
        "account", "Signing in and two-factor codes",
        (
            "I got a new phone and the app asks for a code I no longer receive.",
            "I can't sign in: 'too many attempts'. How long do I have to wait?",
            "How do I give {name} access to our lamps without sharing my password?",
            "somebody signed in from {place}, that was not me!",
        ),
        (
            "After ten wrong passwords an account is locked for 30 minutes; support cannot shorten this.",
            "One of the eight recovery codes, shown when two-factor codes were switched on, replaces a code.",
            "Without recovery codes the identity has to be confirmed by the address of the last order and its number.",
            "Members of a household are invited under Home, and can be removed at any time.",
            "After an unknown sign-in, end all sessions under Security first and then change the password.",
        ),
        ("Where are my recovery codes?", "How do I end all sessions?"),
        (1, 0, 3, 4),
    ),
    Topic(
        "subscription", "Changing or ending a plan",
        (
            "Please cancel my Light Stories plan. I don't use it.",
            "I was charged {amount} for another year although I cancelled on {day}.",
            "What do I lose when I go from the family plan to the basic one?",
            "can I pause the subscription while we are abroad?",
        ),
        (
            "A plan can be ended at any time and runs until the end of the period that was paid for.",
            "A yearly plan that renewed less than 14 days ago is refunded in full on request.",
            "With the basic plan schedules and scenes stay, but stories and the light calendar are switched off.",
            "A plan can be paused once a year for up to three months.",
        ),
        ("When does my plan end?", "Can I get the yearly fee back?"),
        (0, 1, 2, 3),
    ),
    Topic(
        "firmware", "Firmware updates",
        (
            "Since the update on {day} the {product} turns on at full brightness in the middle of the night.",
            "The update of my {product} has been stuck at 62 % for an hour.",
            "Is there a way to go back to the old firmware?",
            "what changed in 4.2.1? {code} appears in the log now",
        ),
        (
            "An update takes up to 20 minutes; a lamp that is switched off meanwhile goes on when it has power again.",
            "After version 4.2 the brightness after a power cut is set under Device, Power, and is 100 % by default.",
            "An earlier version cannot be installed, because keys are renewed with each update.",
            "An update that stands still for an hour is started again by holding the button for three seconds.",
            "Code {code} in the log is a notice about the clock, and has no effect.",
        ),
        ("How do I set the brightness after a power cut?", "How do I restart an update?"),
        (1, 3, 2, 4),
    ),
    Topic(
        "privacy", "Data, export and deletion",
        (
            "Please delete my account and everything you have about me.",
            "Which data does the {product} send, and where to?",
            "I want a copy of all my data under the GDPR.",
            "do the speakers record what we say?",
        ),
        (
            "Lamps send their state and their version once a day; speakers send no sound unless a call is running.",
            "An export of all personal data is made under Privacy and is ready within 24 hours as a ZIP of JSON files.",
            "Deletion takes effect after seven days, during which signing in stops it.",
            "Invoices are kept for ten years as the law demands, apart from the account.",
        ),
        ("How long do you keep invoices?", "How do I stop a deletion?"),
        (2, 0, 1, 0),
    ),
    Topic(
        "wiring", "Mounting and wiring",
        (
            "Can the {product} be used with an existing dimmer?",
            "There is no neutral wire behind our old switch in {place}. Does the Luma work?",
            "How much weight does the ceiling hook of the {product} hold?",
            "which screws for plasterboard? the bag has only two",
        ),
        (
            "Switch mains off at the fuse before wiring anything; some countries require an electrician.",
            "Products with a driver of their own must not be connected behind a dimmer: it shortens their life.",
            "The Luma switch works without a neutral wire from 10 W on; below, the bypass in the box is needed.",
            "The ceiling hook holds 12 kg in concrete and 5 kg in plasterboard with the anchors that are enclosed.",
        ),
        ("What is the bypass for?", "Is an electrician required where I live?"),
        (1, 2, 3, 3),
    ),
)  # fmt: skip
