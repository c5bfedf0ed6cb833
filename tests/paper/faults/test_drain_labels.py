"""Faults in the preparation of images and of their drain labels."""

from dataclasses import replace

from cxraudit.paper.faults.drain_labels import images_not_written, predictions_lost


def test_every_predicted_label_is_lost(make_run):
    """All images without an annotation still hold −1."""
    run = make_run()
    n_predicted = int((run.dataset.images["drain_source"] == "predicted").sum())
    (fault,) = predictions_lost(run)
    assert fault.published.startswith(f"{n_predicted:,} of {n_predicted:,}")


def test_without_predictions_none_is_lost(make_run):
    """All labels are by annotators."""
    run = make_run()
    images = run.dataset.images.assign(drain_source="annotated")
    assert not list(predictions_lost(replace(run, dataset=replace(run.dataset, images=images))))


def test_only_annotated_images_are_written(make_run):
    """In this cohort annotators labelled the images with pneumothorax."""
    run = make_run()
    images = run.dataset.images
    positive = int((images["Pneumothorax"] == 1).sum())
    (fault,) = images_not_written(run)
    assert fault.published.startswith(f"{positive:,} of {len(images):,} images written, 0 of the")
