"""Taking an order, and telling how its confirmation stands."""

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from eventqueue import JobNotFound, current_queue

from shop.models import Order
from shop.tasks import confirm


@transaction.atomic
def take(request: HttpRequest) -> JsonResponse:
    """Take an order. Its job is enqueued once Django's transaction is committed.

    Before that a worker might look for an order that is not there yet, or never will be. Where the process dies in
    between, no job is enqueued: `key` makes it safe to look for such orders later, and to enqueue each of them again.
    """
    order = Order.objects.create(customer=request.POST["customer"])
    job = f"confirm-{order.pk}"
    transaction.on_commit(lambda: confirm.options(id=job).enqueue(order.pk))
    return JsonResponse({"order": order.pk, "job": job}, status=202)


def status(request: HttpRequest, job_id: str) -> JsonResponse:
    """Tell how a job stands."""
    try:
        job = current_queue().get(job_id)
    except JobNotFound:
        return JsonResponse({"error": "no such job"}, status=404)
    return JsonResponse({"state": job.state, "result": job.result.value if job.result else None})


urlpatterns = [path("orders", take), path("jobs/<job_id>", status)]
