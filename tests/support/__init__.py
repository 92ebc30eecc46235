"""What the tests stand on: a service to deploy, its images, load, names, and a project folder.

service    the shop: a small HTTP server whose bad manners are chosen by environment variables
images     builds it, and cheap variants of it
app        the interview API: its image, and a config that serves it
load       the load generator (it lives in `benchmarks.load`, which the demo uses too)
names      names and ports that no other test has
engine     what a service left on an engine, and how to remove it
front      the front end beside the API, with faults on the way
sound      what a microphone hears
project    a folder with a config.yaml in which the deployer is run
"""
