"""The revisions of the schema, in `versions/`, and how alembic runs them (`env.py`).

A revision is a module `r0002_what_it_does.py` with alembic's `revision` and `down_revision`, and

    kind = "expands"       or "contracts", and then also
    minimum = "0002"       the schema that a release must have been made for to run on what is left

Its `upgrade()` may be run again after it broke off in the middle, since MariaDB commits every DDL statement:
`if_not_exists`, `if_exists`, and updates that change nothing the second time. There is no `downgrade()`: back
is a snapshot, or nothing at all, as an older release runs on what expanded.

With SQLite foreign keys are not enforced meanwhile, and checked before the commit.
"""
