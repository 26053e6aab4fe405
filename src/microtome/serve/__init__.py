"""The labelling page of one project: a web server, the page that it serves, and the worker that trains."""
