"""Who is told what happens: a person at a terminal, a Jenkins log, a program."""
