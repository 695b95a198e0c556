"""The server of moto, with its arguments, carrying out one request at a time: a list of parameters fails when one is added meanwhile."""

import threading

from moto import server


class OneAtATime(server.DomainDispatcherApplication):
    turn = threading.Lock()

    def __call__(self, environ, start_response):
        with self.turn:
            return super().__call__(environ, start_response)


server.DomainDispatcherApplication = OneAtATime
server.main()
