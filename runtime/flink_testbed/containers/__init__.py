"""Containers of ours at somebody's engine: found, limited, labelled, and gone when their owner is."""
