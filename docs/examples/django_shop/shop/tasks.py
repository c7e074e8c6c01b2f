"""What workers do for the shop. A worker is a process of its own: it sets Django up before it touches a model."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from eventqueue import Discard, current_job, task

from shop.models import Order


@task(queue="mail", max_retries=5)
def confirm(order_id: int) -> str:
    """Confirm an order: by its number, since a model is no argument (it may have changed when the job runs)."""
    order = Order.objects.filter(id=order_id).first()
    if order is None:
        raise Discard(f"order {order_id} is gone")
    # At least once: who has confirmed it stays noted, so that a second run does nothing.
    Order.objects.filter(id=order_id, confirmed_by="").update(confirmed_by=current_job().id)
    return order.customer
