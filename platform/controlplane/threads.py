"""Threads that stay, so that their database connections stay: Django under ASGI would start and open one for each request."""

from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import ThreadSensitiveContext

from controlplane.guard import App, Receive, Scope, Send

KEPT = 16  # idle threads; a request that finds none gets a new one, and one that waits holds no other request up


def shared(app: App) -> App:
    """`app` (Django's handler, which opens a context only where there is none) on lent threads, one for each request."""
    shelf: list[ThreadPoolExecutor] = []

    async def on_lent_thread(scope: Scope, receive: Receive, send: Send) -> None:
        executor = shelf.pop() if shelf else ThreadPoolExecutor(max_workers=1, thread_name_prefix="request")
        try:
            async with ThreadSensitiveContext(executor=executor):
                await app(scope, receive, send)
        finally:
            if len(shelf) < KEPT:
                shelf.append(executor)
            else:
                executor.shutdown(wait=False)

    return on_lent_thread
