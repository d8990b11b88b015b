"""The errata: what the released code of SeCo, SSL4EO-S12 and SSL4Eco does beside what is right, as rows with numbers.

Each row of `greenup.paper.errata.registry` is measured (a function of this package says what the quirk costs), shown by
a test, or documented with the reason why it cannot be measured here. `greenup.paper.errata.table` writes them as a
table, `greenup.paper.errata.page` as docs/errata.md.
"""
