document.title = "A placeholder";
