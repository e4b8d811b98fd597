"""Stand-ins for the office's neighbours, in one process and over their real protocols: civil registry, public
registry, bank, OpenID Connect provider, mail server with a mailbox, SMS gateway with its phones.

It imports nothing of the product and nothing of the product imports it. `python -m sandbox --help` tells the rest.
"""
