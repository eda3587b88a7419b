"""The caseworkers' console: the Django admin on a site of our own. Thin: it decides nothing.

`site` is the site and its home page; `register` puts the models on it; `cases` wires the pages of a case, each of which
has a module of its own. Rows come from `transfers.selectors`, changes go through `transfers.actions`.
"""
