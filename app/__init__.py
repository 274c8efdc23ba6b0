"""Corrigenda: the correction ledger for contested facts.

The folders are floors; imports go down, never up or sideways:

    cli, main, settings     the roof: the only place where parts are chosen
    graphql, web            surfaces: translate between outside and inside
    commands, reads         every way to change something, every question
    store                   the only SQL
    domain, log             pure: nouns and rules; canonical bytes and the tree
"""
