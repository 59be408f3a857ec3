"""Starts canaille, an identity provider with a SCIM server of its own, on a free port.

This script makes an empty database, a client with an access token, and a socket; everything else is canaille's own,
served by Hypercorn as `canaille run` does.
Usage: TOKEN=secret FOLDER=/an/empty/folder server.py; prints "listening on http://127.0.0.1:PORT/scim/v2" when it is ready.
"""

import asyncio
import datetime
import os
import socket

import hypercorn.asyncio
from asgiref.wsgi import WsgiToAsgi
from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from hypercorn.config import Config

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(128)
port = listener.getsockname()[1]

app = create_app(
    config={
        "SECRET_KEY": "not a secret",
        "CANAILLE": {"DATABASE": "sql", "FORCE_HTTPS": False, "SMTP": None},
        "CANAILLE_SQL": {"DATABASE_URI": f"sqlite:///{os.environ['FOLDER']}/canaille.sqlite"},
        "CANAILLE_OIDC": {"ENABLE_OIDC": True},
        "CANAILLE_SCIM": {"ENABLE_SERVER": True},
    },
    env_file="",
    init_backend=True,
)
with app.app_context(), Backend.instance.session():
    client = models.Client(client_id="usher", client_name="Usher", scope=["openid"], grant_types=["client_credentials"])
    Backend.instance.save(client)
    token = models.Token(
        token_id="usher",
        access_token=os.environ["TOKEN"],
        type="access_token",
        client=client,
        audience=[client],
        scope=["openid"],
        issue_date=datetime.datetime.now(datetime.timezone.utc),
        lifetime=86_400,
    )
    Backend.instance.save(token)

config = Config()
config.bind = [f"fd://{listener.detach()}"]


async def serve():
    """Serves until it is killed."""
    serving = asyncio.create_task(hypercorn.asyncio.serve(WsgiToAsgi(app), config))
    # The socket takes connections since it was bound: whoever reads this line is served.
    print(f"listening on http://127.0.0.1:{port}/scim/v2", flush=True)
    await serving


asyncio.run(serve())
