"""The breaks of ``make break-rules``: per rule of the documents, a function of the runtime to damage."""
