"""The live screen of `queuectl top`: what is seen of a queue, and what is done with what is seen, by keys.

Nothing here waits for the database: it is asked in threads of their own (`asking`), and what comes back is shown when
it comes. What others wrote is shown as the text that it is (`pane.cell`), never as markup.
"""
