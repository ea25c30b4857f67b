"""A server that imitates providers of models, on the loopback interface: what it is told to answer is the truth.

`server` speaks HTTP; one module a provider turns what is said into the provider's wire format. A provider is added by
its module and a line in `server.ROUTES`.
"""
