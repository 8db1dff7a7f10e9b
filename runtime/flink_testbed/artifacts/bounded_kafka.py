"""Patch a class of Flink's Kafka connector so that a bounded source ends after a restore, too.

The enumerator of a source tells its readers that no more splits will come when it handles the
partitions that it has found. One that is created anew from a checkpoint, after a failure of the whole
job or of the JobManager, finds no change and returns before that: the readers wait without end when
their input is over (FLINK-31006, open; the code is the same in the connectors 3.2 to 5.0). The patched
class never says that nothing has changed, so that an empty change is handled as well.

The source cannot end too early by that. Readers are told that no further splits come, not that their
input has ended: each goes on to the stopping offsets of all its splits, which it has from its own
checkpoint. Before it tells them, the enumerator assigns the splits that wait for a reader, in the same
call: those that a failed reader has given back, and those of partitions that the checkpoint does not
have as assigned, which are a change that is not empty. A reader that registers later gets its splits
before the message in the same way. A source that looks for new partitions from time to time sends no
such message, patched or not.

Only the source that the harness puts before an agent has it. The user's own jobs have the connector
as it is.
"""

from __future__ import annotations

from flink_testbed.artifacts.class_file import GOTO, ICONST_0, ICONST_1, IRETURN, ClassFile
from flink_testbed.artifacts.class_patch import ClassPatch

_CHANGE = "org/apache/flink/connector/kafka/source/enumerator/KafkaSourceEnumerator$PartitionChange"
# The end of `return one.isEmpty() && ...`: over the constant that follows, to the return.
_JUMP = GOTO + b"\x00\x04"


def never_empty(content: bytes) -> bytes:
    """Make the change of partitions say that it is not empty.

    Raises :class:`UnknownClassError` if the patch does not fit.
    """
    java = ClassFile(content)
    java.replace(ICONST_1 + _JUMP + ICONST_0 + IRETURN, ICONST_0 + _JUMP + ICONST_0 + IRETURN)
    return java.content()


BOUNDED_AFTER_RESTORE = ClassPatch(
    f"{_CHANGE}.class",
    never_empty,
    "a run over Kafka does not end after its whole job was restored from a checkpoint",
)
