"""Patch a class of Flink so that a checkpoint holds the timers that Python registered before it.

In process mode, timers that Python registers reach Flink's timer service by mails of the task. A
checkpoint barrier finishes the bundle of elements in progress, and the snapshot follows at once:
the state that the bundle wrote is in it, and its timers are not. After a restore no timer
continues a key that waited, and its outputs are lost if no other input of the key comes (seen in
checkpoints of Flink 2.2.1; the code is the same in 1.20 and 2.3; thread mode is not affected).
``AbstractPythonFunctionOperator`` has a method that registers waiting timers, for watermarks. The
patched class calls it before the snapshot, too, in place of a method of its superclass that is
empty.
"""

from __future__ import annotations

from flink_testbed.artifacts.class_file import ALOAD_0, GOTO, INVOKESPECIAL, INVOKEVIRTUAL, LLOAD_1, NOP, ClassFile
from flink_testbed.artifacts.class_patch import ClassPatch

_OPERATOR = "org/apache/flink/streaming/api/operators/python/AbstractPythonFunctionOperator"
_SUPER = "org/apache/flink/streaming/api/operators/AbstractStreamOperator"


def register_before_snapshot(content: bytes) -> bytes:
    """Make the operator register waiting timers before a snapshot.

    Raises :class:`UnknownClassError` if the patch does not fit.
    """
    java = ClassFile(content)
    empty = java.method(_SUPER, "prepareSnapshotPreBarrier", "(J)V")
    register = java.method(_OPERATOR, "drainUnregisteredTimers", "()V")
    # The same call stands a second time, where an error of the bundle is about to be thrown.
    java.replace(
        ALOAD_0 + LLOAD_1 + INVOKESPECIAL + empty + GOTO,
        ALOAD_0 + INVOKEVIRTUAL + register + NOP + GOTO,
    )
    return java.content()


TIMERS_IN_CHECKPOINTS = ClassPatch(
    f"{_OPERATOR}.class",
    register_before_snapshot,
    "in process mode, keys that wait when a checkpoint is taken may not continue after a restore",
)
