"""The HTTP service: studies launched, watched and exported over HTTP.

``qsched.service.app.create_app`` makes the application; it needs the extra ``service``. What the
routes and the pages share (:mod:`qsched.service.studies`) needs nothing but the planning wing.
"""

__all__ = ()
