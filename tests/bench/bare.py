"""The smallest Django project that shows a page, served as ours is: the floor that our memory is compared with."""

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.urls import path

settings.configure(
    SECRET_KEY="only-for-benchmarks",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
)
django.setup()

PAGE = Engine().from_string("<!doctype html><title>{{ title }}</title><p>{{ title }}</p>")


def index(request: HttpRequest) -> HttpResponse:
    """A page made from a template."""
    return HttpResponse(PAGE.render(Context({"title": "Hello"})))


urlpatterns = [path("", index)]
application = get_wsgi_application()
