"""The web application: a face over the same jobs; `create_app` in `vidlab.web.app` makes it."""
