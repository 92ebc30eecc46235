"""Everything that proves what the README says; `tests/support` is what the tests stand on."""
