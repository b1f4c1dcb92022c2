"""Crossing threads: results on the GUI thread, newest wins, nothing for closed widgets."""

from __future__ import annotations

import threading
import weakref

import pytest

pytest.importorskip("napari")

from qtpy.QtWidgets import QWidget

from napari_openhcs.errors import PlateError
from napari_openhcs.session import Session
from napari_openhcs.widgets.bridge import Background, Latest, listen, report_error, session_of

pytestmark = [pytest.mark.window, pytest.mark.usefixtures("qapp")]


def test_work_is_done_elsewhere_and_its_result_arrives_here(qtbot, wait):
    owner = QWidget()
    qtbot.addWidget(owner)
    background = Background(owner)
    done = []
    background.run(
        threading.current_thread,
        lambda thread: done.append((thread, threading.current_thread())),
        None,
    )
    assert background.busy
    wait(lambda: done)
    worker, receiver = done[0]
    assert receiver is threading.main_thread()
    assert worker is not receiver
    assert not background.busy


def test_an_error_arrives_as_it_was_raised(qtbot, wait):
    owner = QWidget()
    qtbot.addWidget(owner)
    failed = []

    def refuse():
        raise PlateError("no plate")

    Background(owner).run(refuse, None, failed.append)
    wait(lambda: failed)
    assert str(failed[0]) == "no plate"
    assert isinstance(failed[0], PlateError)


def test_a_result_for_a_closed_widget_is_dropped(qtbot):
    owner = QWidget()
    go, done = threading.Event(), []
    background = Background(owner)
    background.run(go.wait, done.append, done.append)
    owner.deleteLater()
    qtbot.wait(10)
    go.set()
    qtbot.wait(50)
    assert done == []


def test_the_newest_request_wins(qtbot, wait):
    owner = QWidget()
    qtbot.addWidget(owner)
    latest = Latest(owner, delay_ms=5)
    go, called, done = threading.Event(), [], []

    def work(number):
        called.append(number)
        go.wait(5)
        return number

    latest.request(lambda: work(0), done.append, done.append)
    wait(lambda: called == [0])
    for number in range(1, 20):
        latest.request(lambda number=number: work(number), done.append, done.append)
    qtbot.wait(30)
    go.set()
    wait(lambda: done == [19])
    assert called == [0, 19]
    assert not latest.busy


def test_cancelled_work_says_nothing(qtbot, wait):
    owner = QWidget()
    qtbot.addWidget(owner)
    latest = Latest(owner, delay_ms=1)
    go, called, done = threading.Event(), [], []
    latest.request(lambda: called.append(1) or go.wait(5), done.append, done.append)
    wait(lambda: called)
    latest.cancel()
    go.set()
    wait(lambda: not latest.busy)
    assert done == []


def test_a_closed_widget_hears_no_more(qtbot):
    session, heard = Session(), []
    owner = QWidget()
    listen(owner, session.message, heard.append)
    session.say("one")
    owner.deleteLater()
    qtbot.wait(10)
    session.say("two")
    assert [message.text for message in heard] == ["one"]


def test_errors_become_sentences():
    session, heard = Session(), []
    session.message.connect(heard.append)
    report_error(session, PlateError("That is no plate."))
    report_error(session, ZeroDivisionError("division by zero"))
    assert [message.text for message in heard] == [
        "That is no plate.",
        "ZeroDivisionError: division by zero",
    ]
    assert {message.severity for message in heard} == {"error"}


def test_a_viewer_has_one_session_that_ends_with_it():
    class Viewer:
        pass

    class Proxy:
        def __init__(self, wrapped):
            self.__wrapped__ = wrapped

    viewer, other = Viewer(), Viewer()
    session = session_of(viewer)
    assert session_of(Proxy(viewer)) is session
    assert session_of(other) is not session
    ended = weakref.ref(session)
    del session, viewer
    assert ended() is None
