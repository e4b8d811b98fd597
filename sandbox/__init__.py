"""Stand-ins for the office's neighbours, in one process and over their real protocols: civil registry, bank, OpenID
Connect provider, mail server with a mailbox.

It imports nothing of the product and nothing of the product imports it. `python -m sandbox --help` tells the rest.
"""
