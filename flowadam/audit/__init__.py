"""Published claims as data, and the studies in which they are put to the test.

A claim is a table of a TOML file. Each is measured as published and on the fair form of its task:
with every correction alone, and with all of them. What the numbers say is in ``analysis.audit``.
"""
