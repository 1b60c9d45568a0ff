// SPDX-License-Identifier: GPL-2.0-only
/* The module, its node, and what opening and closing that does. */

#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <media/v4l2-ioctl.h>
#include "pcm264.h"

MODULE_DESCRIPTION("Stateful H.264 encoder of I_PCM macroblocks, for tests");
MODULE_AUTHOR("the shutterd authors");
MODULE_LICENSE("GPL");

static struct platform_device *parent;

static void ctx_free(struct pcm264_ctx *ctx)
{
	v4l2_ctrl_handler_free(&ctx->ctrls);
	v4l2_fh_exit(&ctx->fh);
	kfree(ctx);
}

static int pcm264_open(struct file *file)
{
	struct pcm264_dev *dev = video_drvdata(file);
	struct pcm264_ctx *ctx;
	int result;

	if (READ_ONCE(dev->faults.open_busy))
		return -EBUSY;
	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL);
	if (!ctx)
		return -ENOMEM;
	ctx->dev = dev;
	INIT_WORK(&ctx->job, pcm264_job);
	spin_lock_init(&ctx->drain_lock);
	v4l2_fh_init(&ctx->fh, &dev->video);
	pcm264_format_default(ctx);
	result = pcm264_controls_init(ctx);
	if (result)
		goto fail;
	ctx->fh.ctrl_handler = &ctx->ctrls;
	ctx->fh.m2m_ctx = v4l2_m2m_ctx_init(dev->m2m, ctx, pcm264_queues_init);
	if (IS_ERR(ctx->fh.m2m_ctx)) {
		result = PTR_ERR(ctx->fh.m2m_ctx);
		goto fail;
	}
	file->private_data = &ctx->fh;
	v4l2_fh_add(&ctx->fh);
	mutex_lock(&dev->record_lock);
	list_add_tail(&ctx->entry, &dev->contexts);
	dev->record.opened++;
	mutex_unlock(&dev->record_lock);
	return 0;
fail:
	ctx_free(ctx);
	return result;
}

/* The record has the context until its queues have stopped, however long that takes. */
static int pcm264_release(struct file *file)
{
	struct pcm264_ctx *ctx = pcm264_ctx_of(file);
	struct pcm264_dev *dev = ctx->dev;

	mutex_lock(&dev->lock);
	v4l2_m2m_streamoff(file, ctx->fh.m2m_ctx, V4L2_BUF_TYPE_VIDEO_OUTPUT_MPLANE);
	v4l2_m2m_streamoff(file, ctx->fh.m2m_ctx, V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE);
	/* STREAMOFF has waited for the job, but not until that was out of its function. */
	flush_work(&ctx->job);
	mutex_lock(&dev->record_lock);
	list_del(&ctx->entry);
	mutex_unlock(&dev->record_lock);
	v4l2_m2m_ctx_release(ctx->fh.m2m_ctx);
	mutex_unlock(&dev->lock);
	v4l2_fh_del(&ctx->fh);
	ctx_free(ctx);
	return 0;
}

static const struct v4l2_file_operations file_ops = {
	.owner		= THIS_MODULE,
	.open		= pcm264_open,
	.release	= pcm264_release,
	.poll		= v4l2_m2m_fop_poll,
	.unlocked_ioctl	= video_ioctl2,
	.mmap		= v4l2_m2m_fop_mmap,
};

static void video_init(struct pcm264_dev *dev)
{
	struct video_device *video = &dev->video;

	strscpy(video->name, PCM264_NAME, sizeof(video->name));
	video->fops = &file_ops;
	video->ioctl_ops = &pcm264_ioctl_ops;
	video->release = video_device_release_empty;
	video->vfl_dir = VFL_DIR_M2M;
	video->device_caps = V4L2_CAP_VIDEO_M2M_MPLANE | V4L2_CAP_STREAMING;
	video->lock = &dev->lock;
	video->v4l2_dev = &dev->v4l2;
	video_set_drvdata(video, dev);
}

static int pcm264_probe(struct platform_device *pdev)
{
	struct pcm264_dev *dev = devm_kzalloc(&pdev->dev, sizeof(*dev), GFP_KERNEL);
	int result;

	if (!dev)
		return -ENOMEM;
	platform_set_drvdata(pdev, dev);
	mutex_init(&dev->lock);
	result = v4l2_device_register(&pdev->dev, &dev->v4l2);
	if (result)
		return result;
	dev->jobs = alloc_ordered_workqueue(PCM264_NAME, 0);
	dev->m2m = v4l2_m2m_init(&pcm264_m2m_ops);
	if (!dev->jobs || IS_ERR(dev->m2m)) {
		result = -ENOMEM;
		goto fail;
	}
	dev->debugfs = debugfs_create_dir(PCM264_NAME, NULL);
	pcm264_record_init(dev);
	pcm264_faults_init(dev);
	video_init(dev);
	result = video_register_device(&dev->video, VFL_TYPE_VIDEO, -1);
	if (!result)
		return 0;
	debugfs_remove_recursive(dev->debugfs);
fail:
	if (!IS_ERR_OR_NULL(dev->m2m))
		v4l2_m2m_release(dev->m2m);
	if (dev->jobs)
		destroy_workqueue(dev->jobs);
	v4l2_device_unregister(&dev->v4l2);
	return result;
}

/* Nobody has the node open: each opening holds the module, and this driver cannot be unbound. */
static int pcm264_remove(struct platform_device *pdev)
{
	struct pcm264_dev *dev = platform_get_drvdata(pdev);

	video_unregister_device(&dev->video);
	debugfs_remove_recursive(dev->debugfs);
	v4l2_m2m_release(dev->m2m);
	destroy_workqueue(dev->jobs);
	v4l2_device_unregister(&dev->v4l2);
	return 0;
}

static struct platform_driver driver = {
	.probe	= pcm264_probe,
	.remove	= pcm264_remove,
	.driver	= { .name = PCM264_NAME, .suppress_bind_attrs = true },
};

static int __init pcm264_init(void)
{
	int result = platform_driver_register(&driver);

	if (result)
		return result;
	parent = platform_device_register_simple(PCM264_NAME, -1, NULL, 0);
	if (!IS_ERR(parent))
		return 0;
	platform_driver_unregister(&driver);
	return PTR_ERR(parent);
}
module_init(pcm264_init);

static void __exit pcm264_exit(void)
{
	platform_device_unregister(parent);
	platform_driver_unregister(&driver);
}
module_exit(pcm264_exit);
