"""``cxraudit models``: which models can be audited, and their cards."""


def test_the_list_is_complete(run, capsys):
    """Every registered model is listed; with a name, its card."""
    from cxraudit import models

    assert run("models") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in models.available())

    assert run("models phantom-clip") == 0
    assert "phantom:seed=1907" in capsys.readouterr().out


def test_a_model_checks_itself(run, capsys):
    """The shipped model keeps the contract of models."""
    assert run("models check phantom-clip") == 0

    assert "self-test" in capsys.readouterr().out
