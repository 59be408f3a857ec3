"""Starts canaille, an identity provider with a SCIM server of its own, on a free port.

This script makes an empty database, a client with an access token, and a socket; everything else is canaille's own,
served by Hypercorn as `canaille run` does.
With REDIRECT=URL it also has people and groups, and a client `usher` whom it sends people back to: then it is the OpenID provider.
Usage: TOKEN=secret FOLDER=/an/empty/folder [REDIRECT=URL] server.py; prints "listening on http://127.0.0.1:PORT/scim/v2" when it is ready.
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



def people():
    """People with passwords, groups, and the client that signs them in."""
    user = {}
    for name in ["chief", "decider", "stranger"]:
        user[name] = models.User(
            user_name=name,
            formatted_name=name.title(),
            family_name=name.title(),
            emails=[f"{name}@id.example"],
            password=f"the password of {name}",
        )
        Backend.instance.save(user[name])
    for group, name in [("usher-admins", "chief"), ("usher-approvers", "decider"), ("others", "stranger")]:
        Backend.instance.save(models.Group(display_name=group, members=[user[name]]))
    web = models.Client(
        client_id="usher-console",
        client_secret="client-secret",
        client_name="Usher",
        redirect_uris=[os.environ["REDIRECT"]],
        scope=["openid", "profile", "email", "groups"],
        grant_types=["authorization_code"],
        response_types=["code"],
        token_endpoint_auth_method="client_secret_basic",
    )
    Backend.instance.save(web)
    web.audience = [web]
    Backend.instance.save(web)


if "REDIRECT" in os.environ:
    with app.app_context(), Backend.instance.session():
        people()

config = Config()
config.bind = [f"fd://{listener.detach()}"]


async def serve():
    """Serves until it is killed."""
    serving = asyncio.create_task(hypercorn.asyncio.serve(WsgiToAsgi(app), config))
    # The socket takes connections since it was bound: whoever reads this line is served.
    print(f"listening on http://127.0.0.1:{port}/scim/v2", flush=True)
    await serving


asyncio.run(serve())
