"""Link to the repository once it has an address, and not before.

`make repository URL=…` writes the address into `_config.yml`, the launch buttons with it.  The
buttons that lead to the repository and to its issues stand in another part of that file, so they
follow the address here.
"""


def follow_address(app, config) -> None:
    """Show the repository's buttons if `_config.yml` gives its address."""
    options = config.html_theme_options
    options["use_repository_button"] = options["use_issues_button"] = has_address(options)


def has_address(options: dict) -> bool:
    """Tell whether the address is the book's own: Jupyter Book's default is its own repository."""
    url = options.get("repository_url") or ""
    return bool(url) and not url.endswith("executablebooks/jupyter-book")


def setup(app) -> None:
    app.connect("config-inited", follow_address)
