"""`python -m tests.llm_server SCRIPT LOG` serves on a free port of the loopback, prints the port, and runs until ended."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.llm_server.http import Connection
from tests.llm_server.service import Service


async def serve(script: Path, log: Path) -> None:
    """Serve until cancelled."""
    service = Service(script, log)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service.answer), "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
