from searchitect.search.loop import Status
from searchitect.search.progress import progress


def status(phase: str, note: str = "") -> Status:
    return Status(phase, 0, 0, 0, 0, None, 0.0, None, None, note)


def test_a_phase_is_told_once_however_often_its_details_change_and_a_note_always(capsys):
    with progress(quiet=False) as show:
        for step in range(5):
            show(status(f"training the supernet: step {step} of 5"))
        show(status("searching", "the supernet takes about 3 hours"))
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "training the supernet",
        "the supernet takes about 3 hours",
        "searching",
    ]


def test_quiet_is_quiet(capsys):
    with progress(quiet=True) as show:
        show(status("searching", "a note"))
    assert capsys.readouterr().err == ""
