"""Keep the page whole without any other host: Thebe goes."""


def disconnect_thebe(app) -> None:
    """Undo what sphinx-thebe has set up.

    Jupyter Book loads it whether it is wanted or not.  It then puts a script on every page that
    names another host and ends in an error.  Its own setup has run by now; its listeners have not,
    and its style sheet is not linked yet.
    """
    for listeners in app.events.listeners.values():
        listeners[:] = [
            listener
            for listener in listeners
            if not listener.handler.__module__.startswith("sphinx_thebe")
        ]
    app.registry.css_files = [
        (name, attributes)
        for name, attributes in app.registry.css_files
        if name != "sphinx-thebe.css"
    ]


def setup(app) -> None:
    disconnect_thebe(app)
